#include "daemon/copy/identity.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <optional>

#include "common/result.hpp"
#include "common/text.hpp"

namespace imapcopy::copy {
namespace {

constexpr std::string_view version = "1";
constexpr std::string_view field_end = "\x1f";
constexpr std::string_view header_end = "\x1e";

/// The first value of each identity header, normalised; empty where it is missing.
std::array<std::string, identity_headers.size()> first_values(std::string_view headers) {
    std::array<std::optional<std::string>, identity_headers.size()> found;
    std::optional<std::string>* current = nullptr;
    while (!headers.empty()) {
        auto const end = headers.find('\n');
        auto const line = headers.substr(0, end);
        headers.remove_prefix(end == std::string_view::npos ? headers.size() : end + 1);
        if (line.empty() || line == "\r") break;
        if (line.front() == ' ' || line.front() == '\t') {  // A folded line continues the one before.
            if (current != nullptr) **current += line;
            continue;
        }
        current = nullptr;
        auto const colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        auto const name = trim(line.substr(0, colon));
        for (std::size_t i = 0; i < identity_headers.size(); ++i) {
            if (found[i] || !ascii_iequals(name, identity_headers[i])) continue;
            found[i].emplace(line.substr(colon + 1));
            current = &found[i];
        }
    }
    std::array<std::string, identity_headers.size()> values;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = normalise_header(found[i].value_or(""));
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
};

Hasher::Hasher() : context_(std::make_unique<Context>()) {
    // Looked up once: EVP_sha256() would be looked up again for every digest.
    static auto* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    if (EVP_DigestInit_ex(context_->md, sha256, nullptr) != 1) {
        throw Failure(ErrorCode::internal, "start a SHA-256 digest");
    }
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::add(std::string_view bytes) {
    (void)EVP_DigestUpdate(context_->md, bytes.data(), bytes.size());
}

Digest Hasher::finish() {
    Digest digest{};
    unsigned int length = 0;
    if (EVP_DigestFinal_ex(context_->md, digest.data(), &length) != 1 || length != digest.size()) {
        throw Failure(ErrorCode::internal, "finish a SHA-256 digest");
    }
    return digest;
}

std::string normalise_header(std::string_view value) {
    std::string normal;
    normal.reserve(value.size());
    for (auto const c : value) {
        auto const byte = static_cast<unsigned char>(c);
        if (is_blank(byte)) continue;
        if (!is_unstable(byte)) {
            normal += c;
        } else if (normal.empty() || normal.back() != '?') {
            normal += '?';
        }
    }
    return normal;
}

Identity identity_of_headers(std::string_view headers) {
    auto const values = first_values(headers);
    Identity identity;
    Hasher fingerprint;
    fingerprint.add(version);
    for (std::size_t i = 0; i < values.size(); ++i) {
        fingerprint.add(identity_headers[i]);
        fingerprint.add(field_end);
        fingerprint.add(values[i]);
        fingerprint.add(header_end);
    }
    identity.fingerprint = fingerprint.finish();
    if (values[0].empty() && values[1].empty()) return identity;
    Hasher coarse;
    coarse.add(values[0]);
    coarse.add(field_end);
    coarse.add(values[1]);
    auto const digest = coarse.finish();
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
