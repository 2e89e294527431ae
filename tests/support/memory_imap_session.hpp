#pragma once

// ImapConversation: the server's side of one connection of MemoryImapServer. Bytes in, bytes out; every
// effect on the stored mailboxes happens in step(), at the end of the command that asks for it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/imap_words.hpp"
#include "tests/support/memory_account.hpp"

namespace imapcopy::test {

class MemoryImapServer;
struct ReplyFault;

class ImapConversation {
 public:
    /// Says its greeting into `out`. `server` outlives the conversation.
    explicit ImapConversation(MemoryImapServer& server);

    void feed(std::string_view bytes) { input_ += bytes; }
    /// Reads one line or one literal, and carries out the command that it completes. False: needs more input.
    bool step();
    /// True after LOGOUT or BYE: nothing follows `out`.
    bool is_over() const { return over_; }

    std::string out;                      ///< Said and not taken yet.
    std::optional<TimePoint> hold_until;  ///< `out` is not given out before.
    /// From now on what is appended becomes visible so much later, and under a UID of that time.
    std::optional<Duration> commit_delay;
    bool hides = false;  ///< And then only if an APPEND meets it.
    /// An answer was replaced by something that ends the connection: the client may do as it likes.
    bool is_faulty = false;
    /// Whole APPENDs carried out on this connection.
    std::size_t appends_stored = 0;

 private:
    struct Upload {
        Flags flags;
        std::int64_t unix_seconds = 0;
        std::string body;
    };
    struct FetchItems {
        bool flags = false;
        bool date = false;
        bool size = false;
        bool mod_seq = false;
        bool body = false;
        bool labels = false;
        std::vector<std::string> headers;
    };
    using Words = std::vector<Word>;

    void greet();
    void say(std::string const& line);
    void tagged(std::string_view text);
    void bye(std::string const& code);
    void refuse(char const* word, std::string const& code);
    void begin_command(std::string_view first_line);
    void end_command();
    void on_literal(LiteralHeader const& literal);
    void read_sasl(std::string_view line);
    void execute();
    void execute_changed(ReplyFault const& fault);
    void run();
    void run_uid();
    bool run_before_login();

    void capability();
    void sign_in(std::string_view login, std::string_view password);
    void list();
    void lsub();
    void status();
    void open(bool read_only);
    void create();
    void subscribe();
    void append();
    void fetch();
    void store();
    void search();

    void say_status(StoredMailbox const& mailbox, bool mod_seq);
    void say_exists();
    void say_fetch(StoredMailbox const& mailbox, std::size_t index, FetchItems const& items);
    std::vector<Upload> read_uploads(std::size_t at) const;
    FetchItems read_items(std::size_t at);
    StoredMailbox* named(std::size_t at);
    bool has(std::string_view capability) const;
    bool has_word(std::string_view text) const;
    std::string verb() const;

    MemoryImapServer& server_;
    std::string input_;
    Words words_;
    std::string tag_;
    std::uint64_t literal_left_ = 0;
    bool in_literal_ = false;
    bool in_command_ = false;
    bool answered_ = false;  ///< The command was refused before its end, which is still being read.
    bool sasl_ = false;
    bool logged_in_ = false;
    bool over_ = false;
    ReplyFault const* fault_ = nullptr;
    std::optional<MailboxName> selected_;
    bool has_stored_ = false;  ///< Flags were set since the folder was opened.
    /// A listing shows no more of the open folder than was said before; as with Dovecot, STATUS says nothing.
    std::size_t exists_said_ = 0;
};

}  // namespace imapcopy::test
