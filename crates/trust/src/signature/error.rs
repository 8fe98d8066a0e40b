//! What keeps a signature from vouching for a file, and a key from being one.

use std::io;

use crate::NameFlaw;

/// Why a signature does not vouch for a file.
///
/// All text of a signature, a certificate or a folder that is quoted is escaped in the sentence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Something that must be Base64 in its one strict form.
    #[error("the signature's {field} is not Base64")]
    Base64 {
        /// Where.
        field: &'static str,
    },
    /// A certificate of an authority where that of a signer is wanted, or the other way round.
    #[error("a certificate of an authority stands in the place of a signer's, or the other way round")]
    CertificateAuthority,
    /// A certificate that is no longer valid.
    #[error(
        "a certificate of the signature has expired: the model must be signed again with a valid one, unless this machine's clock is ahead"
    )]
    CertificateExpired,
    /// A path of certificates that breaks another rule.
    #[error("the signature's certificates do not lead to a root that is trusted: {rule}")]
    CertificateChain {
        /// The rule, by the name that the verifier has for it.
        rule: String,
    },
    /// A certificate that cannot be read.
    #[error("a certificate of the signature cannot be read")]
    CertificateMalformed,
    /// A certificate that is not valid yet.
    #[error("a certificate of the signature is not valid yet: is this machine's clock right?")]
    CertificateNotYetValid,
    /// No root that was given has issued the certificates.
    #[error("no certificate root that was given has issued the signature's certificates")]
    CertificateUnknownIssuer,
    /// A certificate that is not for signing code.
    #[error("the signer's certificate is not for signing")]
    CertificateUsage,
    /// A bundle that signs bytes, and no statement about a model.
    #[error("the bundle signs no statement: it has no dsseEnvelope")]
    Content,
    /// A file that the statement does not have.
    #[error("\"{}\" lies in the folder and is not signed", name.escape_debug())]
    ExtraFile {
        /// Its name in the folder.
        name: String,
    },
    /// Something that a signature of this format must have.
    #[error("the signature has no {field}, or something else in its place")]
    Field {
        /// What.
        field: &'static str,
    },
    /// The folder cannot be looked through.
    #[error("the signed folder cannot be read at \"{}\": {reason}", name.escape_debug())]
    Folder {
        /// Where, below the folder.
        name: String,
        /// The system's word.
        reason: String,
    },
    /// The folder has more in it than is looked through.
    #[error("the signed folder has more than {most} entries, levels or bytes")]
    FolderTooLarge {
        /// How many there may be.
        most: u64,
    },
    /// A signature over a folder, and nobody said where that is.
    #[error("the signature is over a folder of files: say which one this file lies in")]
    FolderUnknown,
    /// Neither a bundle nor a minisign signature.
    #[error("this is no signature of a known format")]
    Format,
    /// An algorithm that digests of this project are not made with.
    #[error("the signature has digests of another algorithm than SHA-256: {}", algorithm.escape_debug())]
    Hash {
        /// Which.
        algorithm: String,
    },
    /// It is not what the key has signed.
    #[error("the signature is not one that this key made over this content")]
    Invalid,
    /// The signature file cannot be read.
    #[error("the signature cannot be read: {reason}")]
    Io {
        /// The system's word.
        reason: String,
    },
    /// It is not JSON.
    #[error("the signature is not JSON (line {line}, column {column})")]
    Json {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// JSON with too many levels.
    #[error("the signature's JSON is nested too deep (line {line}, column {column})")]
    JsonDepth {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// A key that stands twice.
    #[error("a key stands twice in the signature's JSON (line {line}, column {column})")]
    JsonDuplicateKey {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// A number that not every reader understands as the same.
    #[error("a number in the signature's JSON is no integer below 2^53 (line {line}, column {column})")]
    JsonNumber {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// A Sigstore bundle without a key of its signer's own.
    #[error(
        "this is a keyless Sigstore bundle, which cannot be verified here: a bundle made with a key or a certificate can"
    )]
    Keyless,
    /// The file is another than the one that was signed.
    #[error("the file's digest is not the one that was signed")]
    Mismatch,
    /// A file of the statement that is not there.
    #[error("\"{}\" was signed and is not in the folder", name.escape_debug())]
    MissingFile {
        /// Its name in the folder.
        name: String,
    },
    /// A name that leads elsewhere, or deceives.
    #[error("a file's name in the signature is refused: {flaw}")]
    Name {
        /// What is wrong with it.
        flaw: NameFlaw,
    },
    /// The statement does not name the file.
    #[error("the signature does not cover a file named \"{}\"", name.escape_debug())]
    NotCovered {
        /// The name that was looked for.
        name: String,
    },
    /// Another file of the folder is not the one that was signed.
    #[error("the digest of \"{}\" is not the one that was signed", name.escape_debug())]
    OtherFile {
        /// Its name in the folder.
        name: String,
    },
    /// The signature says itself that another key made it.
    #[error("the signature was made with another key: {}, not {}", found.escape_debug(), expected)]
    OtherKey {
        /// The key that was given.
        expected: String,
        /// The key that the signature names.
        found: String,
    },
    /// A signature over something else than an in-toto statement.
    #[error("the signature is over a payload of another type: {}", found.escape_debug())]
    PayloadType {
        /// The type.
        found: String,
    },
    /// A statement about something else than the files of a model.
    #[error("the signed statement is of another type: {}", found.escape_debug())]
    Predicate {
        /// The type.
        found: String,
    },
    /// A name that stands twice in the statement.
    #[error("\"{}\" stands twice in the signature", name.escape_debug())]
    RepeatedName {
        /// The name.
        name: String,
    },
    /// The digest over all digests is another.
    #[error("the signed statement contradicts itself: its digests have another digest than it says")]
    RootDigest,
    /// Files that were not digested whole.
    #[error("the signature digests files in another way than whole: {}", method.escape_debug())]
    Serialization {
        /// The way.
        method: String,
    },
    /// A bundle with no signature, or several.
    #[error("the bundle has {found} signatures, and must have one")]
    SignatureCount {
        /// How many there are.
        found: usize,
    },
    /// A key where a certificate root is wanted, or the other way round.
    #[error("the signature was made with {made}, and {given} was given to verify it")]
    SignerKind {
        /// What it was made with.
        made: &'static str,
        /// What was given.
        given: &'static str,
    },
    /// Something in the folder that is neither file nor folder.
    #[error("\"{}\" in the signed folder is neither a file nor a folder", name.escape_debug())]
    SpecialFile {
        /// Its name in the folder.
        name: String,
    },
    /// A symbolic link in the folder.
    #[error("\"{}\" in the signed folder is a symbolic link", name.escape_debug())]
    Symlink {
        /// Its name in the folder.
        name: String,
    },
    /// It is longer than [`crate::Signature::MAX_BYTES`].
    #[error("a signature has at most {} bytes", crate::Signature::MAX_BYTES)]
    TooLarge,
    /// A format that this build of the library leaves out.
    #[error("this build does not verify {format} signatures")]
    Unsupported {
        /// The format.
        format: &'static str,
    },
    /// A bundle of another version.
    #[error("a Sigstore bundle of another version than 0.3: {}", found.escape_debug())]
    Version {
        /// What it says it is.
        found: String,
    },
}

impl SignatureError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Base64 { .. } => "signature-base64",
            Self::CertificateAuthority => "certificate-authority",
            Self::CertificateChain { .. } => "certificate-chain",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateMalformed => "certificate-malformed",
            Self::CertificateNotYetValid => "certificate-not-yet-valid",
            Self::CertificateUnknownIssuer => "certificate-unknown-issuer",
            Self::CertificateUsage => "certificate-usage",
            Self::Content => "signature-content",
            Self::ExtraFile { .. } => "signature-extra-file",
            Self::Field { .. } => "signature-field",
            Self::Folder { .. } => "signature-folder",
            Self::FolderTooLarge { .. } => "signature-folder-too-large",
            Self::FolderUnknown => "signature-folder-unknown",
            Self::Format => "signature-format",
            Self::Hash { .. } => "signature-hash",
            Self::Invalid => "signature-invalid",
            Self::Io { .. } => "signature-io",
            Self::Json { .. } => "signature-json",
            Self::JsonDepth { .. } => "signature-json-depth",
            Self::JsonDuplicateKey { .. } => "signature-json-duplicate-key",
            Self::JsonNumber { .. } => "signature-json-number",
            Self::Keyless => "signature-keyless",
            Self::Mismatch => "signature-mismatch",
            Self::MissingFile { .. } => "signature-missing-file",
            Self::Name { .. } => "signature-name",
            Self::NotCovered { .. } => "signature-not-covered",
            Self::OtherFile { .. } => "signature-other-file",
            Self::OtherKey { .. } => "signature-other-key",
            Self::PayloadType { .. } => "signature-payload-type",
            Self::Predicate { .. } => "signature-predicate",
            Self::RepeatedName { .. } => "signature-repeated-name",
            Self::RootDigest => "signature-root-digest",
            Self::Serialization { .. } => "signature-serialization",
            Self::SignatureCount { .. } => "signature-count",
            Self::SignerKind { .. } => "signature-signer-kind",
            Self::SpecialFile { .. } => "signature-special-file",
            Self::Symlink { .. } => "signature-symlink",
            Self::TooLarge => "signature-too-large",
            Self::Unsupported { .. } => "signature-unsupported",
            Self::Version { .. } => "signature-version",
        }
    }
}

/// Why something is no key, or may not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A file of certificates without any that can be a root.
    #[error("no certificate in PEM is in it, or one that cannot be read")]
    Certificates,
    /// The certificate is not the key's.
    #[error("the first certificate is not for this key: give the signer's own first, then those that issued it")]
    CertificateOfOtherKey,
    /// A curve that is not supported.
    #[error(
        "the key is for another curve than P-256, P-384 or P-521: make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
    )]
    Curve,
    /// The private key is encrypted and nobody gave the passphrase.
    #[error("the key is encrypted: give its passphrase")]
    Encrypted,
    /// Others than its owner can read the private key.
    #[error(
        "others can read the private key (mode {mode:o}): keep it to yourself with `chmod 600`, and use a new one if it may have been read"
    )]
    Exposed {
        /// The file's permissions.
        mode: u32,
    },
    /// It cannot be read.
    #[error("the key cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is not a key at all.
    #[error("this is no key: {wanted} is wanted")]
    Malformed {
        /// What is wanted.
        wanted: &'static str,
    },
    /// The passphrase does not open the key.
    #[error("the passphrase does not open this key")]
    Passphrase,
    /// A private key where a public one is wanted.
    #[error("this is a private key: keep it to yourself, and give the public one (`openssl pkey -in KEY -pubout`)")]
    Private,
    /// A public key where a private one is wanted.
    #[error("this is a public key, and signing wants the private one")]
    Public,
    /// A private key in the form before PKCS#8.
    #[error("the key is not in PKCS#8: convert it with `openssl pkcs8 -topk8 -in KEY`")]
    Sec1,
    /// The key cannot sign this.
    #[error("the key is for {made} signatures, not for {wanted}")]
    SignatureFormat {
        /// What the key is for.
        made: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// It is longer than any key.
    #[error("a file of keys or certificates has at most {most} bytes")]
    TooLarge {
        /// How many bytes there may be.
        most: u64,
    },
    /// A key of a kind that this build of the library leaves out.
    #[error("this build has no {format} keys")]
    Unsupported {
        /// The format.
        format: &'static str,
    },
}

impl KeyError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Certificates => "key-certificates",
            Self::CertificateOfOtherKey => "key-certificate-of-other-key",
            Self::Curve => "key-curve",
            Self::Encrypted => "key-encrypted",
            Self::Exposed { .. } => "key-exposed",
            Self::Io(_) => "key-io",
            Self::Malformed { .. } => "key-malformed",
            Self::Passphrase => "key-passphrase",
            Self::Private => "key-private",
            Self::Public => "key-public",
            Self::Sec1 => "key-sec1",
            Self::SignatureFormat { .. } => "key-signature-format",
            Self::TooLarge { .. } => "key-too-large",
            Self::Unsupported { .. } => "key-unsupported",
        }
    }
}
