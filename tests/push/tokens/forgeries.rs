//! RSA blocks that a careless reader takes for a signature (RFC 8017, 9.2): once forged without the private key, and many
//! times made with it, each wrong in one way.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{RSA_PKCS1_SHA384, RSA_PSS_SHA256};
use num_bigint::BigUint;
use pkcs1::{RsaPrivateKey, der::Decode};

use super::{Case, accepted, check, refused};
use crate::harness::key_server::Answer;
use crate::harness::mint::{Issuer, RsaKey, claims, encode, header, join, unsigned, with};

const BLOCK: usize = 256;
/// The PKCS#8 header before a PKCS#1 key of 2048 bits (RFC 5208, section 5).
const PKCS8_HEAD: usize = 26;
/// DigestInfo up to the hash, for SHA-256 (RFC 8017, 9.2, note 1).
const INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// An RSA key in numbers, which signs any block.
struct Numbers {
    modulus: BigUint,
    exponent: BigUint,
    primes: [BigUint; 2],
}

impl Numbers {
    fn of(key: &RsaKey) -> Self {
        let pkcs8 = key.pair.as_der().expect("a private key");
        let private = RsaPrivateKey::from_der(&pkcs8.as_ref()[PKCS8_HEAD..]).expect("PKCS#1");
        let number = |number: pkcs1::UintRef<'_>| BigUint::from_bytes_be(number.as_bytes());
        Self {
            modulus: number(private.modulus),
            exponent: number(private.private_exponent),
            primes: [number(private.prime1), number(private.prime2)],
        }
    }

    /// The private exponent that belongs to the public exponent 3, if these primes allow that.
    fn with_exponent_3(mut self) -> Option<Self> {
        let [p, q] = &self.primes;
        let order = (p - 1u8) * (q - 1u8);
        self.exponent = BigUint::from(3u8).modinv(&order)?;
        Some(self)
    }

    fn sign(&self, block: &[u8]) -> Vec<u8> {
        assert_eq!(block.len(), BLOCK);
        filled(&BigUint::from_bytes_be(block).modpow(&self.exponent, &self.modulus))
    }
}

/// Returns the number in as many bytes as the modulus has.
fn filled(number: &BigUint) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [vec![0; BLOCK - bytes.len()], bytes].concat()
}

fn sha256(signed: &str) -> Vec<u8> {
    digest(&SHA256, signed.as_bytes()).as_ref().to_vec()
}

/// The parts of a valid block: 00, 01, padding, 00, DigestInfo.
fn block(kind: [u8; 2], separator: &[u8], info: &[u8]) -> Vec<u8> {
    let padding = vec![0xff; BLOCK - kind.len() - separator.len() - info.len()];
    [&kind, &padding[..], separator, info].concat()
}

fn right(signed: &str) -> Vec<u8> {
    block([0, 1], &[0], &[&INFO[..], &sha256(signed)].concat())
}

/// Eight bytes of padding, the DigestInfo, and many free bytes after it.
fn with_room(signed: &str, fill: u8) -> Vec<u8> {
    let info = [&INFO[..], &sha256(signed)].concat();
    let mut block = [&[0, 1], &[0xff; 8][..], &[0], &info].concat();
    block.resize(BLOCK, fill);
    block
}

/// DigestInfos that are wrong in one way.
fn digest_infos(signed: &str) -> Vec<(&'static str, Vec<u8>)> {
    let hash = sha256(signed);
    let info = |head: &[u8], hash: &[u8]| [head, hash].concat();
    let with_byte = |place: usize, byte: u8| {
        let mut head = INFO;
        head[place] = byte;
        info(&head, &hash)
    };
    let without_null = [&[0x30, 0x2f, 0x30, 0x0b][..], &INFO[4..15], &[0x04, 0x20]].concat();
    let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, signed.as_bytes());
    let sha1_head = [
        0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
    ];
    let sha384 = digest(&SHA384, signed.as_bytes());
    let mut sha384_head = INFO;
    (sha384_head[1], sha384_head[14], sha384_head[18]) = (0x41, 0x02, 0x30);
    let long_length = [&[0x30, 0x81][..], &INFO[1..]].concat();
    vec![
        ("without NULL", info(&without_null, &hash)),
        ("SHA-1", info(&sha1_head, sha1.as_ref())),
        ("SHA-384", info(&sha384_head, sha384.as_ref())),
        ("SHA-384 by name, SHA-256 by hash", with_byte(14, 0x02)),
        ("SHA-512 by name, SHA-256 by hash", with_byte(14, 0x03)),
        ("another tag for the object", with_byte(0, 0x31)),
        ("another tag for NULL", with_byte(15, 0x04)),
        ("another tag for the hash", with_byte(17, 0x03)),
        ("a length in the long form", info(&long_length, &hash)),
        ("a length too short", with_byte(1, 0x30)),
        (
            "a hash of something else",
            info(&INFO, &sha256("something else")),
        ),
        ("a hash of zeros", info(&INFO, &[0; 32])),
        ("a hash without its last byte", info(&INFO, &hash[..31])),
        ("a bare hash", hash.clone()),
        ("a hash as an octet string", info(&[0x04, 0x20], &hash)),
        ("nothing", Vec::new()),
    ]
}

/// Blocks that are wrong in one way, around a valid DigestInfo.
fn blocks(signed: &str) -> Vec<(&'static str, Vec<u8>)> {
    let info = [&INFO[..], &sha256(signed)].concat();
    let with_byte = |place: usize, byte: u8| {
        let mut block = right(signed);
        block[place] = byte;
        block
    };
    let separator = BLOCK - info.len() - 1;
    let mut behind = right(signed);
    behind.remove(2);
    behind.push(0);
    let mut early = right(signed);
    early[10] = 0;
    vec![
        ("type 00", with_byte(1, 0)),
        ("type 02", with_byte(1, 2)),
        ("type 02 and random padding", {
            let mut block = with_byte(1, 2);
            block[2..separator].fill(0x5a);
            block
        }),
        ("type FF", with_byte(1, 0xff)),
        ("a first padding byte of FE", with_byte(2, 0xfe)),
        ("a padding byte of 00 in the middle", early),
        ("a padding byte of 7F in the middle", with_byte(100, 0x7f)),
        ("a last padding byte of FE", with_byte(separator - 1, 0xfe)),
        ("a separator of 01", with_byte(separator, 1)),
        ("no separator", block([0, 1], &[], &info)),
        ("two separators", block([0, 1], &[0, 0], &info)),
        ("a byte behind the hash", behind),
        ("zeros behind the hash", with_room(signed, 0)),
        (
            "garbage behind the hash (Bleichenbacher 2006)",
            with_room(signed, 0x5a),
        ),
        ("no padding at all", {
            let mut block = [&[0, 1, 0][..], &info].concat();
            block.resize(BLOCK, 0xff);
            block
        }),
        ("zeros in front instead of padding", {
            let mut block = vec![0; BLOCK - info.len()];
            block.extend_from_slice(&info);
            block
        }),
    ]
}

#[tokio::test]
async fn a_malformed_signature_block_is_refused() {
    let issuer = Issuer::start().await;
    let key = &issuer.key;
    let numbers = Numbers::of(key);
    let signed = unsigned(&header("good"), &claims());
    let token = |block: &[u8]| join(&signed, numbers.sign(block));
    let mut cases = vec![accepted("the right block", token(&right(&signed)))];
    for (name, info) in digest_infos(&signed) {
        let block = block([0, 1], &[0], &info);
        cases.push(refused(format!("DigestInfo: {name}"), token(&block)));
    }
    for (name, block) in blocks(&signed) {
        cases.push(refused(format!("block: {name}"), token(&block)));
    }
    for (name, how) in [("PSS", &RSA_PSS_SHA256), ("SHA-384", &RSA_PKCS1_SHA384)] {
        cases.push(refused(name, join(&signed, key.sign(how, &signed))));
    }
    check(&issuer.service().await, key, cases).await;
}

/// A number whose cube begins like a signature's block, found without the private key.
fn cube_root(signed: &str) -> Vec<u8> {
    let block = with_room(signed, 0);
    let root = BigUint::from_bytes_be(&block).cbrt() + 1u8;
    let cube = filled(&root.pow(3));
    let meant = 11 + INFO.len() + 32;
    assert_eq!(
        cube[..meant],
        block[..meant],
        "the cube begins like the block"
    );
    filled(&root)
}

#[tokio::test]
async fn a_cube_root_is_no_signature_of_a_key_with_the_exponent_three() {
    let issuer = Issuer::start().await;
    let (weak, numbers) = std::iter::repeat_with(|| RsaKey::new("weak"))
        .find_map(|key| {
            let numbers = Numbers::of(&key).with_exponent_3()?;
            Some((key, numbers))
        })
        .expect("primes that are no multiple of three and one");
    let published = with(&weak.jwk(), "e", encode([3]));
    issuer
        .server
        .set_answer(Answer::keys(&[issuer.key.jwk(), published]));
    let signed = unsigned(&header("weak"), &claims());
    let genuine = numbers.sign(&right(&signed));
    let mut cases: Vec<Case> = [("zeros", 0), ("garbage", 0x5a)]
        .map(|(name, fill)| {
            let token = join(&signed, numbers.sign(&with_room(&signed, fill)));
            refused(format!("{name} behind the hash, by the key itself"), token)
        })
        .into();
    cases.push(refused("a cube root", join(&signed, cube_root(&signed))));
    // The key is accepted with this exponent, so the refusals above are due to the blocks.
    cases.push(accepted("a genuine signature", join(&signed, genuine)));
    check(&issuer.service().await, &issuer.key, cases).await;
}
