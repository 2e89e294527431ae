#include "tests/support/certificates.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "common/text.hpp"

namespace imapcopy::test {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

constexpr long day_seconds = 86400;

Key new_key() {
    return {EVP_EC_gen("P-256"), &EVP_PKEY_free};
}

void add_extension(X509* certificate, int nid, std::string const& value) {
    auto* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    if (!extension) throw std::invalid_argument("certificate extension " + value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/// No two certificates share their number or, as it is part of that, their name.
Certificate new_certificate(EVP_PKEY* key, std::string const& title, CertificateOptions const& options) {
    static long serial = getpid() * 1000L;
    Certificate certificate(X509_new(), &X509_free);
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
    auto const name = title + " " + std::to_string(serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), options.valid_from_days * day_seconds);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), options.valid_until_days * day_seconds);
    auto* const subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<unsigned char const*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    X509_set_pubkey(certificate.get(), key);
    return certificate;
}

template <class Write>
std::string pem(Write const& write) {
    std::unique_ptr<BIO, decltype(&BIO_free)> const bio(BIO_new(BIO_s_mem()), &BIO_free);
    write(bio.get());
    char* data = nullptr;
    auto const size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string pem(X509* certificate) {
    return pem([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
}

std::string pin_of(X509* certificate) {
    unsigned char* der = nullptr;
    auto const length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    EVP_Digest(der, static_cast<std::size_t>(length), digest.data(), &size, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    return hex({reinterpret_cast<char const*>(digest.data()), size});
}

CertifiedKey certified(X509* certificate, EVP_PKEY* key) {
    auto const write_key = [&](BIO* bio) {
        PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    };
    return {pem(certificate), pem(write_key), pin_of(certificate)};
}

}  // namespace

CertificateAuthority::CertificateAuthority() : key_(new_key()) {
    certificate_ = new_certificate(key_.get(), "imapcopyd test authority", {});
    add_extension(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
}

CertificateAuthority::~CertificateAuthority() = default;

CertifiedKey CertificateAuthority::issue(CertificateOptions const& options) const {
    auto const key = new_key();
    auto const certificate = new_certificate(key.get(), "test server", options);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
    add_extension(certificate.get(), NID_subject_alt_name, options.names);
    X509_sign(certificate.get(), key_.get(), EVP_sha256());
    return certified(certificate.get(), key.get());
}

std::string CertificateAuthority::certificate_pem() const {
    return pem(certificate_.get());
}

CertifiedKey self_signed(CertificateOptions const& options) {
    auto const key = new_key();
    auto const certificate = new_certificate(key.get(), "test server", options);
    add_extension(certificate.get(), NID_subject_alt_name, options.names);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    return certified(certificate.get(), key.get());
}

TemporaryFile::TemporaryFile(std::string const& content) : path_(testing::TempDir() + "imapcopy-XXXXXX") {
    auto const descriptor = mkstemp(path_.data());
    if (descriptor < 0) throw std::runtime_error("temporary file " + path_);
    ::close(descriptor);
    std::ofstream(path_) << content;
}

TemporaryFile::~TemporaryFile() {
    unlink(path_.c_str());
}

}  // namespace imapcopy::test
