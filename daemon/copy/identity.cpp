#include "daemon/copy/identity.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "common/result.hpp"
#include "common/text.hpp"

namespace imapcopy::copy {
namespace {

constexpr std::string_view version = "1";
constexpr std::string_view field_end = "\x1f";
constexpr std::string_view header_end = "\x1e";
/// Message-ID and Date.
constexpr std::size_t coarse_headers = 2;
constexpr std::size_t fields_bytes_usual = 512;

/// The first value of each identity header as it stands there, with all lines that it is folded into; empty
/// where the header is missing.
std::array<std::string_view, identity_headers.size()> first_values(std::string_view headers) {
    std::array<std::string_view, identity_headers.size()> values{};
    std::array<bool, identity_headers.size()> found{};
    std::string_view* current = nullptr;
    while (!headers.empty()) {
        auto const end = headers.find('\n');
        auto const line = headers.substr(0, end);
        headers.remove_prefix(end == std::string_view::npos ? headers.size() : end + 1);
        if (line.empty() || line == "\r") break;
        if (line.front() == ' ' || line.front() == '\t') {  // A folded line continues the one before.
            if (current != nullptr) *current = {current->data(), line.data() + line.size()};
            continue;
        }
        current = nullptr;
        auto const colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        auto const name = trim(line.substr(0, colon));
        for (std::size_t i = 0; i < identity_headers.size(); ++i) {
            if (found[i] || !ascii_iequals(name, identity_headers[i])) continue;
            found[i] = true;
            values[i] = line.substr(colon + 1);
            current = &values[i];
        }
    }
    return values;
}

bool is_blank(unsigned char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool is_unstable(unsigned char c) {
    return c < 0x20 || c >= 0x7f || c == '?';
}

}  // namespace

struct Hasher::Context {
    EVP_MD_CTX* md = EVP_MD_CTX_new();
    Context() = default;
    ~Context() { EVP_MD_CTX_free(md); }
    Context(Context const&) = delete;
    Context& operator=(Context const&) = delete;

    void start() const {
        // Looked up once: EVP_sha256() would be looked up again for every digest.
        static auto* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
        if (EVP_DigestInit_ex(md, sha256, nullptr) != 1) {
            throw Failure(ErrorCode::internal, "start a SHA-256 digest");
        }
    }
    void add(std::string_view bytes) const { (void)EVP_DigestUpdate(md, bytes.data(), bytes.size()); }
    Digest finish() const {
        Digest digest{};
        unsigned int length = 0;
        if (EVP_DigestFinal_ex(md, digest.data(), &length) != 1 || length != digest.size()) {
            throw Failure(ErrorCode::internal, "finish a SHA-256 digest");
        }
        return digest;
    }
};

Hasher::Hasher() : context_(std::make_unique<Context>()) {
    context_->start();
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::add(std::string_view bytes) {
    context_->add(bytes);
}

Digest Hasher::finish() {
    return context_->finish();
}

Digest Hasher::digest_of(std::string_view bytes) {
    thread_local Context const context;
    context.start();
    context.add(bytes);
    return context.finish();
}

namespace {

void append_normalised(std::string& out, std::string_view value) {
    auto const begin = out.size();
    for (auto const c : value) {
        auto const byte = static_cast<unsigned char>(c);
        if (is_blank(byte)) continue;
        if (!is_unstable(byte)) {
            out += c;
        } else if (out.size() == begin || out.back() != '?') {
            out += '?';
        }
    }
}

}  // namespace

std::string normalise_header(std::string_view value) {
    std::string normal;
    append_normalised(normal, value);
    return normal;
}

Identity identity_of_headers(std::string_view headers) {
    auto const values = first_values(headers);
    Identity identity;
    std::string fields(version);
    fields.reserve(fields_bytes_usual);
    std::string coarse;
    for (std::size_t i = 0; i < values.size(); ++i) {
        fields += identity_headers[i];
        fields += field_end;
        auto const begin = fields.size();
        append_normalised(fields, values[i]);
        if (i < coarse_headers) {
            if (i > 0) coarse += field_end;
            coarse.append(fields, begin);
        }
        fields += header_end;
    }
    identity.fingerprint = Hasher::digest_of(fields);
    if (coarse == field_end) return identity;
    auto const digest = Hasher::digest_of(coarse);
    for (std::size_t i = 0; i < 8; ++i) identity.coarse = identity.coarse << 8U | digest[i];
    identity.coarse = std::max<std::uint64_t>(identity.coarse, 1);
    return identity;
}

void BodyObserver::add(std::string_view bytes) {
    while (in_header_ && !bytes.empty()) {
        // Little by little: a header block is short, and what follows need not be looked at.
        auto const room = std::min(header_step_bytes, header_bytes_max - header_.size());
        look_for_end(bytes.substr(0, room));
        bytes.remove_prefix(std::min(room, bytes.size()));
    }
    if (hasher_) hasher_->add(bytes);
}

void BodyObserver::look_for_end(std::string_view bytes) {
    // The empty line may lie across two pieces, so look a little back.
    auto const from = header_.size() < 3 ? 0 : header_.size() - 3;
    header_ += bytes;
    auto const crlf = header_.find("\r\n\r\n", from);
    auto const lf = std::string_view(header_).substr(0, crlf).find("\n\n", from);
    auto const end = std::min(crlf, lf);
    if (end == std::string::npos && header_.size() < header_bytes_max) return;
    in_header_ = false;
    identity_ =
        identity_of_headers(std::string_view(header_).substr(0, end == std::string::npos ? end : end + 2));
    if (identity_.coarse == 0) hasher_.emplace().add(header_);
}

Identity BodyObserver::finish() {
    if (in_header_) {
        identity_ = identity_of_headers(header_);
        if (identity_.coarse == 0) hasher_.emplace().add(header_);
    }
    if (hasher_) identity_.fingerprint = hasher_->finish();
    return identity_;
}

}  // namespace imapcopy::copy
