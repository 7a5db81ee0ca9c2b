//! Other people's programs say the same of what is made here: PyJWT of tokens, pyotp of codes,
//! argon2-cffi of hashes. A judge that is missing fails the test.

use fedatario_base::Secret;
use fedatario_base::id::{SessionId, TenantId, UserId};
use fedatario_identity::jwt::{Access, Audience, KeyTable, SigningKey};
use fedatario_identity::password::{self, Cost, Verdict};
use fedatario_identity::totp;
use jiff::{SignedDuration, Timestamp};
use std::process::Command;

/// What a script of Python answers to its arguments.
fn python(script: &str, arguments: &[&str]) -> String {
    let done = Command::new("python3").arg("-c").arg(script).args(arguments).output().expect("python3 is there");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[test]
fn pyjwt_accepts_what_we_sign_with_the_published_keys() {
    let now = Timestamp::now();
    let to = Audience { issuer: "https://fedatario.example".into(), audience: "fedatario-api".into() };
    let (key, _) = SigningKey::fresh().unwrap();
    let (next, _) = SigningKey::fresh().unwrap();
    let user = UserId::fresh(now);
    let access = Access {
        user,
        tenant: Some(TenantId::fresh(now)),
        session: SessionId::fresh(now),
        epoch: 3,
        methods: vec!["pwd".into(), "otp".into()],
        authenticated: now,
        issued: now,
        expires: now + SignedDuration::from_mins(15),
    };
    let token = key.sign(&to, &access).unwrap();
    let until = now + SignedDuration::from_hours(1);
    let jwks = KeyTable::new(to, &[(next.public(), until), (key.public(), until)]).jwks(now).to_string();
    let script = r#"
import sys, json, jwt
keys = jwt.PyJWKSet.from_json(sys.argv[1])
head = jwt.get_unverified_header(sys.argv[2])
claims = jwt.decode(sys.argv[2], keys[head["kid"]], algorithms=["EdDSA"], audience="fedatario-api", issuer="https://fedatario.example",
                    options={"require": ["exp", "nbf", "iat", "iss", "aud", "sub", "jti"]})
print(head["typ"], head["alg"], sorted(head), claims["sub"], claims["epoch"], claims["amr"], sorted(claims))
"#;
    let said = python(script, &[&jwks, token.expose_str().unwrap()]);
    let claims = "['amr', 'aud', 'auth_time', 'epoch', 'exp', 'iat', 'iss', 'jti', 'nbf', 'sid', 'sub', 'tenant_id']";
    assert_eq!(said, format!("at+jwt EdDSA ['alg', 'kid', 'typ'] {user} 3 ['pwd', 'otp'] {claims}"));
    fedatario_testkit::covers!("identity: PyJWT accepts our access tokens with the published keys");
}

#[test]
fn pyotp_makes_the_codes_that_we_accept() {
    let script = r#"
import sys, pyotp
read = pyotp.parse_uri(sys.argv[1])
print(read.issuer, read.name, read.secret, *[read.at(int(it)) for it in sys.argv[2:]])
"#;
    let secret = totp::fresh().unwrap();
    let given = totp::enrolment(&secret, "Fedatario", "ana@example.mx").unwrap();
    let seconds = ["0", "59", "1111111109", "1800000000", "1800000029", "1800000030", "20000000000"];
    let arguments: Vec<&str> = [given.uri.expose_str().unwrap()].into_iter().chain(seconds).collect();
    let said = python(script, &arguments);
    let words: Vec<&str> = said.split(' ').collect();
    assert_eq!(words[..3], ["Fedatario", "ana@example.mx", given.typed.expose_str().unwrap()]);
    for (second, code) in seconds.iter().zip(&words[3..]) {
        let second: i64 = second.parse().unwrap();
        let step = totp::step_of(&secret, code, Timestamp::from_second(second).unwrap(), 0);
        assert_eq!(step, Some(second / 30), "{second}");
    }
    fedatario_testkit::covers!("identity: pyotp reads our enrolment and makes the codes that we accept");
}

#[test]
fn argon2_cffi_and_we_agree_on_hashes() {
    let cost = Cost { memory_kib: 1_024, passes: 2, lanes: 2 };
    let password = "el búho lee de noche";
    let ours = password::hash(&Secret::new(password), cost).unwrap();
    let script = r#"
import sys, argon2
hasher = argon2.PasswordHasher(time_cost=2, memory_cost=1024, parallelism=2)
hasher.verify(sys.argv[1], sys.argv[2])
try:
    hasher.verify(sys.argv[1], sys.argv[2] + "!")
    sys.exit("accepted another password")
except argon2.exceptions.VerifyMismatchError:
    print(hasher.hash(sys.argv[2]), hasher.check_needs_rehash(sys.argv[1]))
"#;
    let said = python(script, &[&ours, password]);
    let (theirs, rehash) = said.split_once(' ').unwrap();
    assert_eq!(rehash, "False");
    assert_eq!(password::verify(&Secret::new(password), theirs, cost), Ok(Verdict::Right));
    assert_eq!(password::verify(&Secret::new("el buho lee de noche"), theirs, cost), Ok(Verdict::Wrong));
    fedatario_testkit::covers!("identity: argon2-cffi opens our hashes and we open its");
}
