#include "daemon/jobs/completion_mail.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "common/messages.hpp"
#include "common/text.hpp"

namespace imapcopy::jobs {
namespace {

constexpr std::string_view crlf = "\r\n";

bool is_letter_or_digit(char c) {
    auto const lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

/// RFC 5322 §3.2.3 atext, ASCII only.
bool is_atom_character(char c) {
    constexpr std::string_view specials = "!#$%&'*+-/=?^_`{|}~";
    return is_letter_or_digit(c) || specials.find(c) != std::string_view::npos;
}

bool is_label(std::string_view label) {
    bool const shape = !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-';
    return shape && std::ranges::all_of(label, [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

bool is_atom(std::string_view atom) {
    return !atom.empty() && std::ranges::all_of(atom, is_atom_character);
}

std::string message_id(JobView const& job, std::uint32_t pass) {
    // The creation time tells apart jobs of the same number on different hosts or after a lost database.
    std::array<char, 96> text{};
    (void)std::snprintf(text.data(), text.size(), "<job-%u.pass-%u.%llx@imapcopyd>", job.id.value(), pass,
                        static_cast<unsigned long long>(job.created.time_since_epoch().count()));
    return text.data();
}

std::string address_headers(AccountSpec const& account) {
    auto const& address = is_plain_addr_spec(account.address) ? account.address : account.login;
    if (!is_plain_addr_spec(address)) {
        return "From: imapcopyd <imapcopyd@localhost.invalid>\r\nTo: undisclosed-recipients:;\r\n";
    }
    return "From: imapcopyd <" + address + ">\r\nTo: <" + address + ">\r\n";
}

std::string body_text(ReportInput const& input) {
    auto const& job = input.job;
    auto const& language = job.spec.language;
    auto const text_of = [](AccountSpec const& account) {
        auto const& mailbox = account.authorize_as.empty() ? account.login : account.authorize_as;
        return printable(mailbox) + " (" + printable(account.host) + ")";
    };
    auto out =
        message(Message::mail_intro, language, {text_of(job.spec.source), text_of(job.spec.destination)}) +
        "\n\n";
    out += message(Message::report_started, language, {to_rfc5322_date(job.started)}) + "\n";
    out += message(Message::report_ended, language, {to_rfc5322_date(job.ended)}) + "\n\n";
    out += report_lists(input, language);
    return out + "\n" + message(Message::mail_closing, language) + "\n";
}

}  // namespace

bool is_plain_addr_spec(std::string_view text) {
    auto const at = text.rfind('@');
    if (at == std::string_view::npos || at > 64 || text.size() > 254) return false;
    auto const atoms = split(text.substr(0, at), '.');
    auto const labels = split(text.substr(at + 1), '.');
    return std::ranges::all_of(atoms, is_atom) && std::ranges::all_of(labels, is_label);
}

std::string quoted_printable(std::string_view text) {
    constexpr std::size_t line_bytes_max = 75;  // One less than allowed: room for the soft break's "=".
    std::string out;
    std::size_t column = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto const c = text[i];
        if (c == '\n') {
            out += crlf;
            column = 0;
            continue;
        }
        bool const line_ends = i + 1 == text.size() || text[i + 1] == '\n';
        bool const plain = (c > ' ' && c <= '~' && c != '=') || (c == ' ' && !line_ends);
        auto piece = std::string(1, c);
        if (!plain) {
            piece = "=" + hex(text.substr(i, 1));
            std::ranges::transform(piece, piece.begin(), [](char d) { return ascii_upper(d); });
        }
        if (column + piece.size() > line_bytes_max) {
            out += "=\r\n";
            column = 0;
        }
        out += piece;
        column += piece.size();
    }
    return out;
}

std::string to_rfc5322_date(WallTime time) {
    constexpr std::array<char const*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<char const*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto const day = std::chrono::floor<std::chrono::days>(time);
    auto const date = std::chrono::year_month_day(day);
    auto const clock = std::chrono::hh_mm_ss(std::chrono::floor<std::chrono::seconds>(time - day));
    auto const weekday = std::chrono::weekday(day).c_encoding();
    std::array<char, 64> text{};
    (void)std::snprintf(text.data(), text.size(), "%s, %u %s %d %02d:%02d:%02d +0000", days.at(weekday),
                        static_cast<unsigned>(date.day()), months.at(static_cast<unsigned>(date.month()) - 1),
                        static_cast<int>(date.year()), static_cast<int>(clock.hours().count()),
                        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    return text.data();
}

std::string_view header_block(std::string_view mail) {
    return mail.substr(0, mail.find("\r\n\r\n") + crlf.size());
}

std::string build_completion_mail(ReportInput const& input, std::uint32_t pass, WallTime now) {
    auto const subject =
        input.exceptions_total == 0 ? Message::mail_subject : Message::mail_subject_with_exceptions;
    // English alone may be put there as it is: it is ASCII. Another language needs RFC 2047.
    auto out = address_headers(input.job.spec.destination);
    out += "Subject: " + message(subject, "en") + "\r\n";
    out += "Date: " + to_rfc5322_date(now) + "\r\n";
    out += "Message-ID: " + message_id(input.job, pass) + "\r\n";
    out += "Auto-Submitted: auto-generated\r\n";
    out += "MIME-Version: 1.0\r\n";
    out += "Content-Type: text/plain; charset=utf-8\r\n";
    out += "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
    return out + quoted_printable(body_text(input));
}

}  // namespace imapcopy::jobs
