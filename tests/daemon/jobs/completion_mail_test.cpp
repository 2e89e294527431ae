#include "daemon/jobs/completion_mail.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/text.hpp"

namespace imapcopy::jobs {
namespace {

WallTime const now(std::chrono::seconds(1'795'248'900));

ReportInput sample() {
    ReportInput input;
    input.job.id = JobId(118);
    input.job.created = WallTime(std::chrono::microseconds(0xabcdef));
    input.job.started = now - std::chrono::minutes(5);
    input.job.ended = now;
    input.job.phase = Phase::complete;
    input.job.spec.source.host = "imap.old.example";
    input.job.spec.source.login = "anna@old.example";
    input.job.spec.destination.host = "imap.new.example";
    input.job.spec.destination.login = "anna@new.example";
    input.job.spec.destination.address = "anna@new.example";
    copy::FolderResult folder;
    folder.source = "INBOX";
    folder.destination = "INBOX";
    folder.messages = 3;
    folder.copied = 2;
    folder.recognised = 1;
    input.folders.push_back(folder);
    return input;
}

copy::Exception exception(std::string folder, std::string text) {
    copy::Exception refused;
    refused.folder = std::move(folder);
    refused.uid = copy::Uid(4711);
    refused.code = "AppendRejected";
    refused.size_bytes = 2'100'000;
    refused.text = std::move(text);
    return refused;
}

/// The names of all header fields, in order.
std::vector<std::string> header_names(std::string_view mail) {
    std::vector<std::string> names;
    for (auto const line : split(header_block(mail), '\n')) {
        if (!trim(line).empty()) names.emplace_back(line.substr(0, line.find(':')));
    }
    return names;
}

std::string decode(std::string_view encoded) {
    std::string out;
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        if (encoded[i] != '=') {
            out += encoded[i];
        } else {
            auto const pair = encoded.substr(i + 1, 2);
            if (pair != "\r\n") out += static_cast<char>(std::stoi(std::string(pair), nullptr, 16));
            i += 2;
        }
    }
    return out;
}

std::string body_of(std::string const& mail) {
    return decode(mail.substr(mail.find("\r\n\r\n") + 4));
}

TEST(CompletionMail, IsAPlainMail) {
    auto const mail = build_completion_mail(sample(), 1, now);
    EXPECT_NE(mail.find("From: imapcopyd <anna@new.example>\r\nTo: <anna@new.example>\r\n"),
              std::string::npos);
    EXPECT_NE(mail.find("Date: Sat, 21 Nov 2026 08:15:00 +0000\r\n"), std::string::npos);
    EXPECT_NE(mail.find("Message-ID: <job-118.pass-1.abcdef@imapcopyd>\r\n"), std::string::npos);
    EXPECT_NE(mail.find("Auto-Submitted: auto-generated\r\n"), std::string::npos);
    EXPECT_NE(body_of(mail).find("INBOX: 3 messages; 2 copied"), std::string::npos);
}

TEST(CompletionMail, HasOnlyShortLinesOfAsciiWithCrlf) {
    auto input = sample();
    input.folders.front().destination = std::string(300, 'x') + "Éléments envoyés";
    auto const mail = build_completion_mail(input, 1, now);
    for (auto const line : split(mail, '\n')) {
        if (line.empty()) continue;
        EXPECT_EQ(line.back(), '\r') << line;
        EXPECT_LE(line.size(), 77U) << line;
        EXPECT_TRUE(std::ranges::all_of(line.substr(0, line.size() - 1),
                                        [](char c) { return c >= ' ' && c <= '~'; }));
    }
    EXPECT_NE(body_of(mail).find("Éléments envoyés"), std::string::npos);
}

TEST(CompletionMail, LetsNobodyInjectAHeader) {
    auto const evil = std::string("x\r\nBcc: victim@example.org\r\n\r\nHello");
    auto const expected = header_names(build_completion_mail(sample(), 1, now));
    auto input = sample();
    input.folders.front().source = evil;
    input.exceptions.push_back(exception(evil, evil));
    input.exceptions_total = 1;
    for (auto* account : {&input.job.spec.source, &input.job.spec.destination}) {
        account->login = evil;
        account->address = "a@b.example" + evil;
        account->host = evil;
        account->authorize_as = evil;
    }
    auto const mail = build_completion_mail(input, 1, now);
    EXPECT_EQ(header_names(mail), expected);
    EXPECT_EQ(body_of(mail).find("\nBcc"), std::string::npos);
    EXPECT_NE(mail.find("To: undisclosed-recipients:;\r\n"), std::string::npos);
}

TEST(CompletionMail, SaysWhatIsMissingAndWhatToDo) {
    auto input = sample();
    input.exceptions.push_back(exception("Archive", "the server refused it: Message contains NUL"));
    input.exceptions_total = 1;
    auto const mail = build_completion_mail(input, 1, now);
    EXPECT_NE(mail.find("Subject: Your mailbox has been copied, with exceptions\r\n"), std::string::npos);
    auto const body = body_of(mail);
    EXPECT_NE(body.find("Archive, message 4711 (2.1 MB): the server refused it: Message contains NUL"),
              std::string::npos);
    EXPECT_NE(body.find("What to do:"), std::string::npos);
}

TEST(CompletionMail, HasAnIdentityOfJobAndPass) {
    std::set<std::string> blocks;
    for (std::uint32_t pass : {1U, 2U, 1U}) {
        auto const mail = build_completion_mail(sample(), pass, now);
        blocks.emplace(header_block(mail));
    }
    EXPECT_EQ(blocks.size(), 2U);
}

TEST(AddrSpec, TakesOnlyWhatNeedsNoQuoting) {
    for (auto const* good : {"a@b", "anna.maria+x@new.example", "o'neil@x-y.example"}) {
        EXPECT_TRUE(is_plain_addr_spec(good)) << good;
    }
    for (auto const* bad : {"", "anna", "@b", "a@", "a b@c", "a@b c", "a@-b", "a..b@c", ".a@b", "a@b..c",
                            "a@b\r\nX: y", "<a@b>", "a@b>", "\"a\"@b", "ä@b", "a,b@c", "a@[1.2.3.4]"}) {
        EXPECT_FALSE(is_plain_addr_spec(bad)) << bad;
    }
}

TEST(QuotedPrintable, EncodesWhatMailMightChange) {
    EXPECT_EQ(quoted_printable("a=b"), "a=3Db");
    EXPECT_EQ(quoted_printable("trailing \nnext\t"), "trailing=20\r\nnext=09");
    EXPECT_EQ(quoted_printable("é"), "=C3=A9");
    EXPECT_EQ(quoted_printable(std::string(80, 'x')), std::string(75, 'x') + "=\r\n" + std::string(5, 'x'));
}

TEST(QuotedPrintable, DecodesToTheSame) {
    std::string text;
    for (int i = 0; i < 400; ++i) text += i % 7 == 0 ? "ß" : i % 11 == 0 ? " " : "=";
    EXPECT_EQ(decode(quoted_printable(text)), text);
}

}  // namespace
}  // namespace imapcopy::jobs
