#pragma once

// Certificates made at test time: a small authority that signs whatever a test needs, good or bad.

#include <memory>
#include <string>

struct evp_pkey_st;
struct x509_st;

namespace imapcopy::test {

struct CertificateOptions {
    std::string names = "DNS:localhost,IP:127.0.0.1";  ///< Subject alternative names, as OpenSSL writes them.
    int valid_from_days = -1;                          ///< Relative to now.
    int valid_until_days = 30;
};

/// A server's certificate and private key.
struct CertifiedKey {
    std::string certificate_pem;
    std::string key_pem;
    std::string pin;  ///< Hex SHA-256 of the SubjectPublicKeyInfo.
};

class CertificateAuthority {
 public:
    CertificateAuthority();
    ~CertificateAuthority();
    CertificateAuthority(CertificateAuthority const&) = delete;
    CertificateAuthority& operator=(CertificateAuthority const&) = delete;

    CertifiedKey issue(CertificateOptions const& options = {}) const;
    std::string certificate_pem() const;

 private:
    std::shared_ptr<evp_pkey_st> key_;
    std::shared_ptr<x509_st> certificate_;
};

/// Signed by nobody but itself.
CertifiedKey self_signed(CertificateOptions const& options = {});

/// A file below the test's temporary folder that goes with this object.
class TemporaryFile {
 public:
    explicit TemporaryFile(std::string const& content);
    ~TemporaryFile();
    TemporaryFile(TemporaryFile const&) = delete;
    TemporaryFile& operator=(TemporaryFile const&) = delete;
    std::string const& path() const { return path_; }

 private:
    std::string path_;
};

}  // namespace imapcopy::test
