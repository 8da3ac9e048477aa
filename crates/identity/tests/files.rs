//! An identity is read from files, and every fault of a file is told by the file's name and what is wrong with it.

mod common;

use std::{fs, path::Path};

use aws_lc_rs::{
    encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der},
    rsa,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use common::*;
use outrigger_certs_dev::{Authority, Fault, Issued, Validity};
use outrigger_identity::{Identity, LoadErrors, Oddity, Pem, Role, Sources};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tempfile::TempDir;

/// A folder as Kubernetes mounts it.
struct Folder {
    dir: TempDir,
    sources: Sources,
}

impl Folder {
    fn of(issued: &Issued) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        issued.write_to(dir.path()).expect("the folder can be written");
        let file = |name: &str| dir.path().join(name);
        let sources = Sources {
            cert: file("tls.crt"),
            key: file("tls.key"),
            trust: file("ca.crt"),
            crl: Vec::new(),
        };
        Self { dir, sources }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.dir.path().join(name), content).expect("the folder can be written");
    }

    fn load(&self) -> Result<Identity, LoadErrors> {
        Identity::load(&self.sources)
    }

    /// All that is wrong, without the folder's own path.
    fn problems(&self) -> Vec<String> {
        let errors = self.load().expect_err("something is wrong");
        let prefix = format!("{}/", self.dir.path().display());
        errors
            .iter()
            .map(|error| error.to_string().replace(&prefix, ""))
            .collect()
    }
}

fn orders_folder() -> (Authority, Folder) {
    let authority = authority();
    let folder = Folder::of(&authority.issue(&orders()).expect("a leaf can be issued"));
    (authority, folder)
}

/// The problem of a folder in which `name` holds `content`.
fn problem(name: &str, content: impl AsRef<[u8]>) -> String {
    let (_, folder) = orders_folder();
    folder.write(name, content);
    let mut problems = folder.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.swap_remove(0)
}

#[test]
fn a_kubernetes_secret_is_an_identity() {
    let (_, folder) = orders_folder();
    let identity = folder.load().unwrap();

    let roles: Vec<Role> = identity
        .certificates()
        .iter()
        .map(|certificate| certificate.role)
        .collect();
    assert_eq!(roles, [Role::Own, Role::Intermediate, Role::Anchor]);
    assert_eq!(identity.spiffe().unwrap().as_str(), ID);
    assert_eq!(identity.leaf().dns, [NAME]);
    assert_eq!(identity.leaf().label(), "CN=orders");
    assert!(identity.leaf().not_before < identity.leaf().not_after);
    assert_eq!(identity.leaf().issuer, identity.certificates()[1].subject);
    assert_eq!(identity.warnings(), []);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let (_, mut folder) = orders_folder();
    fs::remove_file(&folder.sources.cert).unwrap();
    folder.write("tls.key", "");
    folder.write("ca.crt", "trust me");
    folder.sources.crl = vec![folder.dir.path().join("gone.crl")];

    assert_eq!(
        folder.problems(),
        [
            "tls.crt: does not exist",
            "tls.key: is empty",
            "ca.crt: holds no PEM block, a certificate is expected",
            "gone.crl: does not exist",
        ]
    );
}

#[test]
fn a_folder_in_the_place_of_a_file_cannot_be_read() {
    let (_, mut folder) = orders_folder();
    folder.sources.key = folder.dir.path().to_owned();

    assert!(
        folder.problems()[0].contains("cannot be read: "),
        "{:?}",
        folder.problems()
    );
}

#[test]
fn key_and_certificate_in_each_others_place_are_told() {
    let (_, mut folder) = orders_folder();
    std::mem::swap(&mut folder.sources.cert, &mut folder.sources.key);

    assert_eq!(
        folder.problems(),
        [
            "tls.key: holds PRIVATE KEY where a certificate is expected",
            "tls.crt: holds CERTIFICATE where a private key is expected",
        ]
    );
}

#[test]
fn a_key_of_another_certificate_is_told() {
    let issued = authority().issue_faulty(Fault::MismatchedKey, &orders()).unwrap();
    let folder = Folder::of(&issued);

    let problems = folder.problems();
    assert_eq!(
        problems,
        ["tls.key: is not the key of the certificate in tls.crt (CN=orders)"]
    );
}

#[test]
fn an_encrypted_key_is_told_in_both_its_forms() {
    let pkcs8 = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
                  -----END RSA PRIVATE KEY-----\n";
    for encrypted in [pkcs8, legacy] {
        assert!(problem("tls.key", encrypted).starts_with("tls.key: holds an encrypted private key"));
    }
}

#[test]
fn two_keys_in_one_file_are_one_too_many() {
    let (_, folder) = orders_folder();
    let key = fs::read_to_string(&folder.sources.key).unwrap();

    assert_eq!(
        problem("tls.key", key.repeat(2)),
        "tls.key: holds 2 private keys, one is expected"
    );
}

#[test]
fn damage_is_told_as_what_it_is() {
    let begun = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    assert_eq!(
        problem("tls.crt", begun),
        "tls.crt: is damaged: a block has no -----END CERTIFICATE-----"
    );
    let noise = "-----BEGIN CERTIFICATE-----\n?!\n-----END CERTIFICATE-----\n";
    assert_eq!(
        problem("ca.crt", noise),
        "ca.crt: is damaged: a block's content is not base64"
    );
    let other = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    assert!(
        problem("tls.crt", other).starts_with("tls.crt: certificate 1: not an X.509 certificate"),
        "{}",
        problem("tls.crt", other)
    );
    let unusable = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
    assert!(problem("tls.key", unusable).starts_with("tls.key: holds a private key that cannot be used"));
}

#[test]
fn control_characters_of_a_file_do_not_reach_a_log() {
    let begun = "-----BEGIN \0\u{1b}[2J-----\nAAAA\n";
    assert_eq!(
        problem("tls.crt", begun),
        "tls.crt: is damaged: a block has no -----END ??[2J-----"
    );
    let other = "-----BEGIN \u{9b}A-----\nAAAA\n-----END \u{9b}A-----\n";
    assert_eq!(
        problem("tls.crt", other),
        "tls.crt: holds ?A where a certificate is expected"
    );
}

#[test]
fn der_where_pem_is_expected_is_recognized() {
    let issued = authority().issue(&orders()).unwrap();

    assert!(
        problem("tls.crt", &issued.chain_der()[0]).starts_with("tls.crt: is DER; a certificate is expected")
    );
    assert!(problem("tls.key", issued.key_der().secret_der()).starts_with("tls.key: is DER; a private key"));
}

#[test]
fn a_leaf_that_is_an_authority_is_refused() {
    let (authority, folder) = orders_folder();
    folder.write("tls.crt", authority.root_pem());

    let problems = folder.problems();
    assert!(
        problems[0].starts_with("tls.crt: begins with the certificate of an authority (CN="),
        "{problems:?}"
    );
}

#[test]
fn a_leaf_of_an_authority_is_no_trust_bundle() {
    let (_, folder) = orders_folder();
    let chain = fs::read_to_string(&folder.sources.cert).unwrap();

    let told = problem("ca.crt", chain);
    assert!(
        told.starts_with("ca.crt: certificate 1 (CN=orders, issued by CN="),
        "{told}"
    );
    assert!(
        told.ends_with("is not an authority's; trust its issuer instead"),
        "{told}"
    );
}

#[test]
fn a_self_signed_leaf_in_the_bundle_is_taken_with_a_warning() {
    let (authority, folder) = orders_folder();
    let pinned = authority.issue_faulty(Fault::SelfSigned, &web()).unwrap();
    folder.write("ca.crt", authority.root_pem() + &pinned.chain_pem());

    let warnings = folder.load().unwrap().warnings().to_vec();
    assert_eq!(warnings.len(), 1);
    assert_eq!(
        warnings[0].oddity,
        Oddity::PinnedLeaf {
            nth: 2,
            subject: "CN=web".into()
        }
    );
}

#[test]
fn an_authority_pasted_twice_counts_once() {
    let (authority, folder) = orders_folder();
    folder.write("ca.crt", authority.root_pem().repeat(2));

    assert_eq!(folder.load().unwrap().anchors().count(), 1);
}

#[test]
fn a_bundle_without_our_own_issuer_is_odd() {
    let (_, folder) = orders_folder();
    folder.write("ca.crt", Authority::new("other").unwrap().root_pem());

    let identity = folder.load().unwrap();
    assert!(
        matches!(identity.warnings()[0].oddity, Oddity::OwnIssuerUnknown { .. }),
        "{:?}",
        identity.warnings()
    );
}

#[test]
fn an_expired_certificate_is_loaded_since_expiry_tells_of_it() {
    let folder = Folder::of(&authority().issue_faulty(Fault::Expired, &orders()).unwrap());

    assert!(folder.load().is_ok());
}

#[test]
fn a_file_may_hold_key_and_chain_together() {
    let (_, mut folder) = orders_folder();
    let both =
        fs::read_to_string(&folder.sources.key).unwrap() + &fs::read_to_string(&folder.sources.cert).unwrap();
    folder.write("both.pem", both);
    folder.sources.cert = folder.dir.path().join("both.pem");
    folder.sources.key = folder.sources.cert.clone();

    assert!(folder.load().is_ok());
}

#[test]
fn revocation_lists_are_read_as_pem_and_as_der() {
    let (authority, mut folder) = orders_folder();
    let lists = authority.revoke([]).unwrap();
    folder.write("all.crl", lists.pem());
    folder.write("one.crl", &lists.der()[0]);
    folder.sources.crl = ["all.crl", "one.crl"]
        .map(|name| folder.dir.path().join(name))
        .to_vec();
    assert_eq!(folder.load().unwrap().warnings(), []);

    folder.write("one.crl", authority.root_pem());
    assert_eq!(
        folder.problems(),
        ["one.crl: holds CERTIFICATE where a revocation list is expected"]
    );
}

#[test]
fn a_revocation_list_past_its_time_is_odd() {
    let (authority, mut folder) = orders_folder();
    folder.write(
        "old.crl",
        authority.revoke_with([], Validity::expired()).unwrap().pem(),
    );
    folder.sources.crl = vec![folder.dir.path().join("old.crl")];

    let identity = folder.load().unwrap();
    assert!(
        matches!(identity.warnings()[0].oddity, Oddity::StaleRevocationList { .. }),
        "{:?}",
        identity.warnings()
    );
}

#[test]
fn a_sec1_key_is_taken() {
    let issued = authority().issue(&orders()).unwrap();
    let key =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, issued.key_der().secret_der()).unwrap();
    let sec1: EcPrivateKeyRfc5915Der<'_> = key.private_key().as_der().unwrap();
    let folder = Folder::of(&issued);
    folder.write("tls.key", block("EC PRIVATE KEY", sec1.as_ref()));

    assert!(folder.load().is_ok(), "{:?}", folder.problems());
}

#[test]
fn a_pkcs1_key_is_taken() {
    /// What PKCS#8 wraps around the PKCS#1 key of 2048 bits: version, algorithm, two lengths.
    const WRAPPING: usize = 26;
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let signer = rcgen::KeyPair::try_from(&PrivatePkcs8KeyDer::from(pkcs8.as_ref())).unwrap();
    let leaf = rcgen::CertificateParams::new([NAME.to_owned()])
        .unwrap()
        .self_signed(&signer)
        .unwrap();
    let (cert, key) = (leaf.pem(), block("RSA PRIVATE KEY", &pkcs8.as_ref()[WRAPPING..]));

    let pem = Pem {
        cert: cert.as_bytes(),
        key: key.as_bytes(),
        trust: cert.as_bytes(),
        crl: &[],
    };
    assert!(Identity::from_pem(&pem).is_ok(), "{:?}", Identity::from_pem(&pem));
}

#[test]
fn nothing_that_is_printed_holds_the_key() {
    let (_, folder) = orders_folder();
    let key = fs::read_to_string(&folder.sources.key).unwrap();
    let printed = format!("{:?}", folder.load().unwrap());

    assert!(
        key.lines()
            .filter(|line| !line.starts_with('-'))
            .all(|line| !printed.contains(line))
    );
    assert!(Path::new(&folder.sources.key).exists());
}

/// A PEM block.
fn block(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in der.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let drawn = DIGITS[bits >> (18 - 6 * digit) & 63];
            text.push(if digit <= chunk.len() {
                char::from(drawn)
            } else {
                '='
            });
        }
    }
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}
