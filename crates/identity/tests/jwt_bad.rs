//! Access tokens that must not pass: more than a hundred and fifty, each wrong in one way, most of
//! them signed with the very key that the table trusts.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD as B64};
use fedatario_base::id::{SessionId, TenantId, UserId};
use fedatario_identity::IdentityError;
use fedatario_identity::jwt::{Access, Audience, KeyTable, MOST_BYTES, SEEN_MOST, SigningKey, kid_of};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Fewest vectors (security rule K1).
const FEWEST: usize = 150;
const NOW: i64 = 1_800_000_000;

struct Forge {
    pair: Ed25519KeyPair,
    foreign: Ed25519KeyPair,
    kid: String,
    public: [u8; 32],
    table: KeyTable,
    now: Timestamp,
    vectors: Vec<(String, String)>,
}

fn seeded(byte: u8) -> (Ed25519KeyPair, [u8; 32]) {
    use aws_lc_rs::signature::KeyPair;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[byte; 32]).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    (pair, public)
}

impl Forge {
    fn new() -> Self {
        let ((pair, public), (foreign, _), (_, retired)) = (seeded(1), seeded(2), seeded(3));
        let now = Timestamp::from_second(NOW).unwrap();
        let later = now + SignedDuration::from_hours(1);
        let to = Audience { issuer: "https://fedatario.example".into(), audience: "fedatario-api".into() };
        let table = KeyTable::new(to, &[(retired, now), (public, later)]);
        Self { pair, foreign, kid: kid_of(&public), public, table, now, vectors: Vec::new() }
    }

    fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.kid })
    }

    fn claims(&self) -> Value {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        json!({
            "iss": "https://fedatario.example", "aud": "fedatario-api", "exp": NOW + 600, "nbf": NOW - 60, "iat": NOW - 60,
            "jti": "abcdefghijklmnop", "sub": UserId::fresh(at).to_string(), "tenant_id": TenantId::fresh(at).to_string(),
            "sid": SessionId::fresh(at).to_string(), "epoch": 0, "amr": ["pwd", "otp"], "auth_time": NOW - 60,
        })
    }

    /// A token of these texts, signed well.
    fn signed(&self, header: &[u8], claims: &[u8]) -> String {
        let input = format!("{}.{}", B64.encode(header), B64.encode(claims));
        format!("{input}.{}", B64.encode(self.pair.sign(input.as_bytes()).as_ref()))
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        self.signed(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    fn bad(&mut self, name: impl Into<String>, token: String) {
        self.vectors.push((name.into(), token));
    }

    fn bad_header(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut header = self.header();
        change(&mut header);
        let token = self.token(&header, &self.claims());
        self.bad(format!("header: {name}"), token);
    }

    fn bad_header_text(&mut self, name: &str, header: &[u8]) {
        let token = self.signed(header, self.claims().to_string().as_bytes());
        self.bad(format!("header: {name}"), token);
    }

    fn bad_claims(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut claims = self.claims();
        change(&mut claims);
        let token = self.token(&self.header(), &claims);
        self.bad(format!("claims: {name}"), token);
    }

    fn bad_claims_text(&mut self, name: &str, claims: &[u8]) {
        let token = self.signed(self.header().to_string().as_bytes(), claims);
        self.bad(format!("claims: {name}"), token);
    }

    fn good(&self) -> String {
        self.token(&self.header(), &self.claims())
    }
}

fn algorithms(forge: &mut Forge) {
    let others = [
        "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "RS256", "RS512", "PS256", "ES256", "ES384", "eddsa", "EDDSA",
        "Ed25519", "Ed448", "", " EdDSA", "EdDSA\0",
    ];
    for alg in others {
        forge.bad_header(&format!("alg {alg:?}"), |it| it["alg"] = json!(alg));
    }
    for odd in [Value::Null, json!(1), json!(["EdDSA"]), json!({ "EdDSA": 1 }), json!(true)] {
        forge.bad_header(&format!("alg {odd}"), |it| it["alg"] = odd.clone());
    }
    // Not signed at all, and signed with the public half as if it were a shared secret.
    for alg in ["none", "None", "EdDSA"] {
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": forge.kid });
        let input = format!("{}.{}", B64.encode(header.to_string().as_bytes()), B64.encode(forge.claims().to_string().as_bytes()));
        forge.bad(format!("{alg} without a signature"), format!("{input}."));
    }
    let x509 = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], &forge.public].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(&x509));
    let kid = forge.kid.clone().into_bytes();
    for (name, secret) in
        [("raw key", forge.public.to_vec()), ("DER", x509), ("PEM", pem.into_bytes()), ("kid", kid), ("nothing", vec![])]
    {
        for (alg, with) in [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512)] {
            let header = json!({ "alg": alg, "typ": "at+jwt", "kid": forge.kid });
            let input =
                format!("{}.{}", B64.encode(header.to_string().as_bytes()), B64.encode(forge.claims().to_string().as_bytes()));
            let tag = hmac::sign(&hmac::Key::new(with, &secret), input.as_bytes());
            forge.bad(format!("{alg} with the {name}"), format!("{input}.{}", B64.encode(tag.as_ref())));
        }
    }
}

fn headers(forge: &mut Forge) {
    for typ in ["JWT", "jwt", "AT+JWT", "at+JWT", "application/at+jwt", "id+jwt", "logout+jwt", "", "at+jwt "] {
        forge.bad_header(&format!("typ {typ:?}"), |it| it["typ"] = json!(typ));
    }
    let kid = forge.kid.clone();
    let kids = [
        "",
        "../../../../dev/null",
        "/dev/null",
        "' or 1=1 --",
        "'; drop table signing_keys; --",
        "https://evil.example/key",
        "0",
        "*",
        &format!("{kid} "),
        &format!(" {kid}"),
        &format!("{kid}\0"),
        &kid.to_uppercase(),
        &kid[..kid.len() - 1],
        &kid.repeat(50),
        &kid_of(&seeded(2).1),
        &kid_of(&[0; 32]),
    ]
    .map(str::to_owned);
    for kid in kids {
        forge.bad_header(&format!("kid {kid:?}"), |it| it["kid"] = json!(kid));
    }
    for name in ["alg", "typ", "kid"] {
        forge.bad_header(&format!("no {name}"), |it| drop(it.as_object_mut().unwrap().remove(name)));
    }
    for odd in [Value::Null, json!(7), json!(["x"]), json!({})] {
        forge.bad_header(&format!("kid {odd}"), |it| it["kid"] = odd.clone());
        forge.bad_header(&format!("typ {odd}"), |it| it["typ"] = odd.clone());
    }
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": B64.encode(&seeded(2).1) });
    let extra = [
        ("jku", json!("https://evil.example/jwks.json")),
        ("jwk", jwk),
        ("x5u", json!("file:///etc/passwd")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("enc", json!("A256GCM")),
        ("p2c", json!(1_000_000_000)),
        ("admin", json!(true)),
    ];
    for (name, value) in extra {
        forge.bad_header(&format!("{name} {value}"), |it| it[name] = value.clone());
    }
    let good = forge.header().to_string();
    let inner = good.trim_start_matches('{').trim_end_matches('}').to_owned();
    let texts = [
        ("alg twice", format!(r#"{{"alg":"none",{inner}}}"#)),
        ("alg twice, the good one first", format!(r#"{{{inner},"alg":"none"}}"#)),
        ("kid twice", format!(r#"{{"kid":"x",{inner}}}"#)),
        ("typ twice", format!(r#"{{"typ":"JWT",{inner}}}"#)),
        ("an array", format!("[{good}]")),
        ("a string", format!("{good:?}")),
        ("null", "null".into()),
        ("nothing", String::new()),
        ("blanks", "  ".into()),
        ("more after it", format!("{good}{{}}")),
        ("a mark before it", format!("\u{feff}{good}")),
        ("a comma too many", format!("{{{inner},}}")),
        ("a comment", format!("{{{inner}/* */}}")),
        ("a deep one", format!(r#"{{{inner},"x":{}{}}}"#, "[".repeat(900), "]".repeat(900))),
    ];
    for (name, text) in texts {
        forge.bad_header_text(name, text.as_bytes());
    }
    forge.bad_header_text("no UTF-8", &[&good.as_bytes()[..good.len() - 1], &[0xff, b'}']].concat());
}

fn claims(forge: &mut Forge) {
    let names = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub", "sid", "epoch", "amr", "auth_time"];
    for name in names {
        forge.bad_claims(&format!("no {name}"), |it| drop(it.as_object_mut().unwrap().remove(name)));
        forge.bad_claims(&format!("{name} null"), |it| it[name] = Value::Null);
    }
    for name in ["exp", "nbf", "iat", "auth_time", "epoch"] {
        let good = forge.claims()[name].clone();
        let odd = [
            json!(good.to_string()),
            json!(1.8e9 + 0.5),
            json!(true),
            json!([good]),
            json!(1e300),
            json!(u64::MAX),
            json!("2027-01-15T08:00:00Z"),
        ];
        for value in odd {
            forge.bad_claims(&format!("{name} {value}"), |it| it[name] = value.clone());
        }
    }
    let wrong = [
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://fedatario.example/")),
        ("iss", json!(["https://fedatario.example"])),
        ("iss", json!("")),
        ("aud", json!("another-api")),
        ("aud", json!(["fedatario-api"])),
        ("aud", json!(["another-api", "fedatario-api"])),
        ("aud", json!("FEDATARIO-API")),
        ("exp", json!(NOW)),
        ("exp", json!(NOW - 1)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(NOW + 86_400)),
        ("exp", json!(i64::MAX)),
        ("nbf", json!(NOW + 60)),
        ("nbf", json!(i64::MAX)),
        ("iat", json!(NOW + 60)),
        ("iat", json!(NOW - 3_600)),
        ("iat", json!(i64::MIN)),
        ("auth_time", json!(NOW + 60)),
        ("sub", json!("")),
        ("sub", json!("admin")),
        ("sub", json!("usr_")),
        ("sub", json!("usr_0000000000000000000000000")),
        ("sub", json!("../usr_01h455vb4pex5vsknk084sn02q")),
        ("sub", json!("ten_01h455vb4pex5vsknk084sn02q")),
        ("sub", json!("01890a5d-ac96-774b-bcce-b302099a8057")),
        ("sid", json!("usr_01h455vb4pex5vsknk084sn02q")),
        ("sid", json!("' or 1=1 --")),
        ("tenant_id", json!("*")),
        ("tenant_id", json!("usr_01h455vb4pex5vsknk084sn02q")),
        ("tenant_id", json!(["ten_01h455vb4pex5vsknk084sn02q"])),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("epoch", json!(-1)),
        ("amr", json!("pwd otp")),
        ("amr", json!([1, 2])),
        ("amr", json!(vec!["otp"; 9])),
        ("permissions", json!(["PLATFORM_TENANT_WRITE"])),
        ("scope", json!("admin")),
        ("nonce", json!("an id token has one")),
        ("events", json!({})),
        ("cnf", json!({})),
    ];
    for (name, value) in wrong {
        forge.bad_claims(&format!("{name} {value}"), |it| it[name] = value.clone());
    }
    let good = forge.claims().to_string();
    let inner = good.trim_start_matches('{').trim_end_matches('}').to_owned();
    let texts = [
        ("exp twice", format!(r#"{{"exp":99999999999,{inner}}}"#)),
        ("sub twice", format!(r#"{{{inner},"sub":"usr_01h455vb4pex5vsknk084sn02q"}}"#)),
        ("tenant_id twice", format!(r#"{{"tenant_id":"ten_01h455vb4pex5vsknk084sn02q",{inner}}}"#)),
        ("an array", format!("[{good}]")),
        ("null", "null".into()),
        ("nothing", String::new()),
        ("more after it", format!("{good} {{}}")),
        ("a deep one", format!(r#"{{{inner},"x":{}{}}}"#, "[".repeat(900), "]".repeat(900))),
        ("NaN", good.replace(&(NOW + 600).to_string(), "NaN")),
        ("an exponent", good.replace(&(NOW + 600).to_string(), "18e8")),
    ];
    for (name, text) in texts {
        forge.bad_claims_text(name, text.as_bytes());
    }
}

fn shapes(forge: &mut Forge) {
    let good = forge.good();
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, seal] = parts[..] else { panic!("three parts") };
    let signature = B64.decode(seal.as_bytes()).unwrap();
    let shapes = [
        ("nothing", String::new()),
        ("dots", "..".into()),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{good}.{seal}")),
        ("five parts", format!("{good}.{seal}.{seal}")),
        ("a blank before", format!(" {good}")),
        ("a line after", format!("{good}\n")),
        ("its scheme", format!("Bearer {good}")),
        ("parts swapped", format!("{body}.{head}.{seal}")),
        ("no header", format!(".{body}.{seal}")),
        ("no claims", format!("{head}..{seal}")),
        ("padding", format!("{head}.{body}.{}", BASE64URL.encode(&signature))),
        ("the other alphabet", format!("{head}.{body}.{}", BASE64.encode(&[0xfb; 64]).trim_end_matches('='))),
        ("signature cut", format!("{head}.{body}.{}", B64.encode(&signature[..63]))),
        ("signature longer", format!("{head}.{body}.{}", B64.encode(&[&signature[..], &[0]].concat()))),
        ("signature of zeros", format!("{head}.{body}.{}", B64.encode(&[0; 64]))),
        ("a point of small order", format!("{head}.{body}.{}", B64.encode(&[&[1u8][..], &[0; 63]].concat()))),
        ("S plus the order", format!("{head}.{body}.{}", B64.encode(&malleated(&signature)))),
        (
            "a foreign signature",
            format!("{head}.{body}.{}", B64.encode(forge.foreign.sign(format!("{head}.{body}").as_bytes()).as_ref())),
        ),
        ("signed without its header", format!("{head}.{body}.{}", B64.encode(forge.pair.sign(body.as_bytes()).as_ref()))),
        ("JSON instead", json!({ "protected": head, "payload": body, "signature": seal }).to_string()),
        ("letters of another script", good.replace('a', "а")),
        ("a NUL", format!("{good}\0")),
        ("a dot in the signature", format!("{head}.{body}.{}.{}", &seal[..40], &seal[40..])),
    ];
    for (name, token) in shapes {
        forge.bad(name, token);
    }
    for bit in (0..512).step_by(32) {
        let mut flipped = signature.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        forge.bad(format!("signature bit {bit}"), format!("{head}.{body}.{}", B64.encode(&flipped)));
    }
    // Bits that no byte holds, well signed as text.
    for (name, claims) in [("claims", body.to_owned()), ("header", head.to_owned())] {
        let odd = loose_end(&claims);
        let input = if name == "claims" { format!("{head}.{odd}") } else { format!("{odd}.{body}") };
        let token = format!("{input}.{}", B64.encode(forge.pair.sign(input.as_bytes()).as_ref()));
        forge.bad(format!("loose bits at the end of the {name}"), token);
    }
    let mut last = seal.to_owned();
    let end = if last.pop() == Some('A') { 'B' } else { 'h' };
    forge.bad("loose bits at the end of the signature", format!("{head}.{body}.{last}{end}"));
    let long = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": forge.kid, "pad": "x".repeat(MOST_BYTES) });
    let token = forge.token(&long, &forge.claims());
    forge.bad("a header of five kilobytes", token);
    let mut wide = forge.claims();
    wide["jti"] = json!("x".repeat(MOST_BYTES));
    let token = forge.token(&forge.header(), &wide);
    forge.bad("claims of five kilobytes", token);
    forge.bad("a megabyte of dots", ".".repeat(1 << 20));
    forge.bad("a megabyte", "e".repeat(1 << 20));
    let pair = &seeded(3).0;
    let input = format!(
        "{}.{body}",
        B64.encode(json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid_of(&seeded(3).1) }).to_string().as_bytes())
    );
    let retired = format!("{input}.{}", B64.encode(pair.sign(input.as_bytes()).as_ref()));
    forge.bad("a key that was retired", retired);
}

/// The same text with the bits set that its last character does not use, where it has such.
fn loose_end(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = text.split_at(text.len() - 1);
    if text.len().is_multiple_of(4) {
        return format!("{text}=");
    }
    let place = ALPHABET.iter().position(|it| *it == last.as_bytes()[0]).unwrap();
    format!("{rest}{}", ALPHABET[place | 1] as char)
}

/// The signature with the group's order added to S: the same equation, another text.
fn malleated(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0x10,
    ];
    let (mut out, mut carry) = (signature.to_vec(), 0u16);
    for (byte, order) in out[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    out
}

#[test]
fn none_of_the_bad_tokens_passes() {
    let mut forge = Forge::new();
    algorithms(&mut forge);
    headers(&mut forge);
    claims(&mut forge);
    shapes(&mut forge);
    // The forge itself is sound: what it makes unchanged is good.
    assert!(forge.table.verify(&forge.good(), forge.now).is_ok());
    let passed: Vec<&str> = forge
        .vectors
        .iter()
        .filter(|it| forge.table.verify(&it.1, forge.now) != Err(IdentityError::Token))
        .map(|it| it.0.as_str())
        .collect();
    assert_eq!(passed, Vec::<&str>::new());
    assert!(forge.vectors.len() >= FEWEST, "{} vectors", forge.vectors.len());
    fedatario_testkit::covers!("identity: none of more than 150 bad access tokens passes, and all are refused alike");
}

#[test]
fn a_token_is_good_for_its_time_and_for_the_time_of_its_key() {
    let now = Timestamp::from_second(NOW).unwrap();
    let to = Audience { issuer: "i".into(), audience: "a".into() };
    let (key, sealed) = SigningKey::fresh().unwrap();
    let again = SigningKey::open(&sealed).unwrap();
    assert_eq!((again.kid(), again.public()), (key.kid(), key.public()));
    let at = |second: i64| now + SignedDuration::from_secs(second);
    let access = Access {
        user: UserId::fresh(now),
        tenant: None,
        session: SessionId::fresh(now),
        epoch: 0,
        methods: vec!["pwd".into()],
        authenticated: now,
        issued: now,
        expires: at(900),
    };
    let token = again.sign(&to, &access).unwrap();
    let token = token.expose_str().unwrap();
    let until = |second: i64| KeyTable::new(to.clone(), &[(key.public(), at(second))]);
    assert_eq!(until(2_000).verify(token, now), Ok(access.clone()));
    // (end of the key, instant, whether it is good)
    let table =
        [(2_000, -6, false), (2_000, -5, true), (2_000, 899, true), (2_000, 900, false), (500, 499, true), (500, 500, false)];
    for (end, second, good) in table {
        assert_eq!(until(end).verify(token, at(second)).is_ok(), good, "{end} {second}");
    }
    let other = KeyTable::new(Audience { issuer: "i".into(), audience: "b".into() }, &[(key.public(), at(2_000))]);
    assert_eq!(other.verify(token, now), Err(IdentityError::Token));
    let many: Vec<_> = (0..20).map(|it| (seeded(it).1, at(1))).chain([(key.public(), at(2_000))]).collect();
    assert!(KeyTable::new(to.clone(), &many).verify(token, now).is_ok(), "the newest keys count");
    fedatario_testkit::covers!("identity: an access token is good for its own time and no longer than its key");
}

#[test]
fn random_changes_of_a_good_token_never_pass_and_never_panic() {
    use proptest::prelude::*;
    let forge = Forge::new();
    let good = forge.good();
    proptest!(|(place in 0..good.len(), byte in any::<u8>(), cut in 0..good.len())| {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = byte;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(changed == good || forge.table.verify(&changed, forge.now).is_err());
        }
        prop_assert!(forge.table.verify(&good[..cut], forge.now).is_err());
    });
    proptest!(|(noise in "\\PC{0,300}")| { prop_assert!(forge.table.verify(&noise, forge.now).is_err()); });
    fedatario_testkit::covers!("identity: random changes of a good token never pass");
}

/// What is remembered of a token is its signature, never that it is good.
#[test]
fn a_token_that_was_seen_is_judged_by_its_time_and_its_bytes_again() {
    let forge = Forge::new();
    let good = forge.token(&forge.header(), &forge.claims());
    let at = |second: i64| Timestamp::from_second(NOW + second).unwrap();
    let first = forge.table.verify(&good, forge.now).unwrap();
    assert_eq!(forge.table.verify(&good, at(599)).unwrap(), first, "seen, and good still");
    assert!(forge.table.verify(&good, at(600)).is_err(), "seen, and over");
    assert!(forge.table.verify(&good, at(-120)).is_err(), "seen, and not begun");
    let mut ends_later = forge.claims();
    (ends_later["iat"], ends_later["exp"]) = (json!(NOW + 3_000), json!(NOW + 3_900));
    let lasting = forge.token(&forge.header(), &ends_later);
    assert!(forge.table.verify(&lasting, at(3_100)).is_ok());
    assert!(forge.table.verify(&lasting, at(3_600)).is_err(), "seen, and its key has ended");
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    assert!(forge.table.verify(&format!("{signed}.{turned}"), forge.now).is_err(), "seen, with another signature");
    for round in 0..SEEN_MOST + 2 {
        let mut other = forge.claims();
        other["jti"] = json!(format!("token-{round}"));
        forge.table.verify(&forge.token(&forge.header(), &other), forge.now).unwrap();
    }
    assert_eq!(forge.table.verify(&good, forge.now).unwrap(), first, "forgotten, and judged anew");
    fedatario_testkit::covers!("identity: an access token is good only now, however often it was seen");
}
