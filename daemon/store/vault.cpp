#include "daemon/store/vault.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace imapcopy::store {
namespace {

// Version, key check, nonce, ciphertext, tag.
constexpr char format_version = 1;
constexpr std::size_t key_bytes = 32;
constexpr std::size_t check_bytes = 4;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t overhead_bytes = 1 + check_bytes + nonce_bytes + tag_bytes;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

unsigned char const* bytes_of(std::string_view text) {
    return reinterpret_cast<unsigned char const*>(text.data());
}
unsigned char* bytes_of(std::span<char> text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

/// What the sealed bytes are bound to: version, job (big endian), side.
std::string associated(SealContext context) {
    std::string bound(1, format_version);
    for (auto shift = 24; shift >= 0; shift -= 8) bound.push_back(static_cast<char>(context.job >> shift));
    bound.push_back(static_cast<char>(context.side));
    return bound;
}

/// Tells keys apart without helping to find one.
std::string check_of(Secret const& key) {
    static constexpr std::string_view purpose = "imapcopyd key check";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(), key.reveal().data(), static_cast<int>(key.size()), bytes_of(purpose), purpose.size(),
         digest.data(), &size);
    return {reinterpret_cast<char const*>(digest.data()), check_bytes};
}

void require(bool done, char const* what) {
    if (!done) throw Failure(ErrorCode::internal, what);
}

Error locked_error(std::string const& attempt) {
    return {
        ErrorCode::credentials_missing,
        attempt +
            ": the key is not there; put secrets.key back as it was and restart imapcopyd; where it is lost, "
            "make one as imapcopyd(8) says, restart, and give the passwords again"};
}

}  // namespace

class Vault::Impl {
 public:
    Impl(Secret owned_key, Random& source)
        : random(source), key(std::move(owned_key)), check(key.empty() ? "" : check_of(key)) {}

    Random& random;
    Secret key;
    std::string check;
};

Vault::Vault(Secret key, Random& random) {
    if (!key.empty() && key.size() != key_bytes) {
        throw Failure(ErrorCode::invalid_argument, "the key of the secrets has " +
                                                       std::to_string(key.size()) + " bytes in place of " +
                                                       std::to_string(key_bytes));
    }
    impl_ = std::make_unique<Impl>(std::move(key), random);
}

Vault::~Vault() = default;

bool Vault::locked() const {
    return impl_->key.empty();
}

std::string Vault::seal(Secret const& secret, SealContext context) {
    if (locked()) throw Failure(locked_error("seal a secret"));
    std::array<char, nonce_bytes> nonce{};
    impl_->random.fill(std::as_writable_bytes(std::span(nonce)));
    auto const bound = associated(context);
    std::vector<char> ciphertext(secret.size());
    std::array<char, tag_bytes> tag{};
    CipherContext const cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    int length = 0;
    auto const done = cipher != nullptr &&
                      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                                         bytes_of(impl_->key.reveal()), bytes_of(std::span(nonce))) == 1 &&
                      EVP_EncryptUpdate(cipher.get(), nullptr, &length, bytes_of(bound),
                                        static_cast<int>(bound.size())) == 1 &&
                      (secret.empty() ||
                       EVP_EncryptUpdate(cipher.get(), bytes_of(std::span(ciphertext)), &length,
                                         bytes_of(secret.reveal()), static_cast<int>(secret.size())) == 1) &&
                      EVP_EncryptFinal_ex(cipher.get(), bytes_of(std::span(tag)), &length) == 1 &&
                      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, tag.data()) == 1;
    require(done, "seal a secret");
    std::string sealed(1, format_version);
    sealed.append(impl_->check).append(nonce.data(), nonce.size());
    sealed.append(ciphertext.data(), ciphertext.size()).append(tag.data(), tag.size());
    return sealed;
}

Result<Secret> Vault::open(std::string_view sealed, SealContext context) const {
    if (locked()) return locked_error("open a sealed secret");
    if (sealed.size() < overhead_bytes || sealed.front() != format_version) {
        return Error{ErrorCode::credentials_missing, "open a sealed secret: its format is unknown"};
    }
    sealed.remove_prefix(1);
    if (sealed.substr(0, check_bytes) != impl_->check) {
        return Error{
            ErrorCode::credentials_missing,
            "open a sealed secret: it was sealed with another key; put that secrets.key back, or give the "
            "password again"};
    }
    sealed.remove_prefix(check_bytes);
    auto const nonce = sealed.substr(0, nonce_bytes);
    auto const ciphertext = sealed.substr(nonce_bytes, sealed.size() - nonce_bytes - tag_bytes);
    auto tag = std::string(sealed.substr(sealed.size() - tag_bytes));
    auto const bound = associated(context);
    std::vector<char> clear(ciphertext.size());
    CipherContext const cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    int length = 0;
    auto const ready = cipher != nullptr &&
                       EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                                          bytes_of(impl_->key.reveal()), bytes_of(nonce)) == 1 &&
                       EVP_DecryptUpdate(cipher.get(), nullptr, &length, bytes_of(bound),
                                         static_cast<int>(bound.size())) == 1 &&
                       (clear.empty() ||
                        EVP_DecryptUpdate(cipher.get(), bytes_of(std::span(clear)), &length,
                                          bytes_of(ciphertext), static_cast<int>(ciphertext.size())) == 1) &&
                       EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1;
    require(ready, "open a sealed secret");
    std::array<unsigned char, tag_bytes> rest{};
    auto const genuine = EVP_DecryptFinal_ex(cipher.get(), rest.data(), &length) == 1;
    if (!genuine) {
        wipe(clear);
        return Error{ErrorCode::credentials_missing, "open a sealed secret: the stored bytes are damaged"};
    }
    Secret secret(std::string_view(clear.data(), clear.size()));
    wipe(clear);
    return secret;
}

std::optional<Secret> load_key(std::string const& file) {
    auto const* const directory = file.empty() ? std::getenv("CREDENTIALS_DIRECTORY") : nullptr;
    if (file.empty() && directory == nullptr) return std::nullopt;
    auto const path = file.empty() ? std::string(directory) + "/secrets.key" : file;
    auto const descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0 && errno == ENOENT) return std::nullopt;
    auto const refuse = [&path](std::string const& why) {
        return Failure(ErrorCode::invalid_argument, "read the key of the secrets " + path + ": " + why);
    };
    if (descriptor < 0) throw refuse(std::strerror(errno));
    struct stat status {};
    std::array<char, key_bytes + 1> bytes{};
    auto const known = ::fstat(descriptor, &status) == 0;
    auto const count = ::read(descriptor, bytes.data(), bytes.size());
    auto const error = errno;
    ::close(descriptor);
    if (!known || count < 0) throw refuse(std::strerror(error));
    // In systemd's private directory the group bits are the mask of an access list, which lets only us in.
    auto const forbidden = file.empty() ? 0007U : 0077U;
    // What the unit hands over where the file is missing (SetCredential=), so that the daemon starts
    // nevertheless.
    auto const stand_in =
        file.empty() && std::string_view(bytes.data(), static_cast<std::size_t>(count)) == "locked";
    if (stand_in) return std::nullopt;
    std::optional<Secret> key;
    if (count == key_bytes) key.emplace(std::string_view(bytes.data(), key_bytes));
    wipe(bytes);
    if ((status.st_mode & forbidden) != 0) throw refuse("others may read it; make it mode 0600");
    if (!key) throw refuse("it must hold exactly " + std::to_string(key_bytes) + " bytes");
    return key;
}

}  // namespace imapcopy::store
