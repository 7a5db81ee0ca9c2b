//! Credentials out of the house and back, with the program as an operator runs it: onto the same house, onto another
//! one, damaged, and when the key that everything stood on is lost.

mod support;

use fedatario_testkit::covers;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Ended, Shell, sandbox};

const RFC: &str = "EKU9003173C9";
const PASSPHRASE: &str = "zafiros que nadie mira al pasar";

/// A folder with the house, an e.firma in it, and a backup.
struct Scene {
    dir: tempfile::TempDir,
    shell: Shell,
    passphrase: PathBuf,
    file: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sat = sandbox(dir.path(), &[]);
        let shell = sat.shell(dir.path().join("house"));
        sat.register(&shell);
        let (passphrase, file) = (dir.path().join("phrase.txt"), dir.path().join("credentials.txt"));
        std::fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
        let scene = Self { dir, shell, passphrase, file };
        let arguments = ["vault", "backup", "-o", text(&scene.file), "--passphrase-file", text(&scene.passphrase), "--json"];
        scene.shell.run(&arguments).good();
        scene
    }

    fn restore(&self, shell: &Shell, file: &Path, with: &[&str]) -> Ended {
        let mut arguments = vec!["vault", "restore", text(file), "--passphrase-file", text(&self.passphrase), "--json"];
        arguments.extend_from_slice(with);
        shell.run(&arguments)
    }

    /// The outcomes of a rehearsal and of the run, which are the same, and how both ended.
    fn outcomes(&self, shell: &Shell, with: &[&str]) -> (Vec<String>, i32) {
        let all = |ended: &Ended| -> Vec<String> {
            let told = ended.json();
            let credentials = told["credentials"].as_array().unwrap_or_else(|| panic!("{ended:?}")).clone();
            credentials.iter().map(|it| it["outcome"].as_str().unwrap().to_owned()).collect()
        };
        let dry = self.restore(shell, &self.file, &[with, &["--dry-run"]].concat());
        let done = self.restore(shell, &self.file, with);
        assert_eq!((all(&dry), dry.exit), (all(&done), done.exit), "it does what the rehearsal said");
        (all(&done), done.exit)
    }

    /// A document signed with what is in use, as xmlsec1 judges it.
    fn signs(&self, shell: &Shell) {
        let (plain, signed, cer) = (self.at("aviso.xml"), self.at("signed.xml"), self.at("cer.der"));
        std::fs::write(&plain, "<aviso>1</aviso>").unwrap();
        let told = shell.run(&["sign", "xml", text(&plain), "--json"]).good();
        let document = told["document"].as_str().unwrap();
        let (_, rest) = document.split_once("<X509Certificate>").expect("a certificate");
        let der = data_encoding::BASE64.decode(rest.split_once('<').unwrap().0.as_bytes()).unwrap();
        std::fs::write(&signed, document).unwrap();
        std::fs::write(&cer, der).unwrap();
        let judged = Command::new("xmlsec1").args(["--verify", "--pubkey-cert-der", text(&cer), text(&signed)]).output();
        assert!(judged.expect("xmlsec1 is installed").status.success(), "xmlsec1 accepts it");
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn code(ended: &Ended) -> (i32, String) {
    (ended.exit, ended.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_backup_is_restored_onto_the_same_house_and_onto_another() {
    let scene = Scene::new();
    assert_eq!(scene.file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(scene.outcomes(&scene.shell, &[]), (vec!["same".into()], 0));

    let whole = std::fs::read(&scene.file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let damaged = scene.at("damaged.txt");
    for bytes in [&whole[..whole.len() - 40], &flipped, b"", b"hola"] {
        std::fs::write(&damaged, bytes).unwrap();
        for with in [&["--dry-run"][..], &["--replace"]] {
            assert_eq!(code(&scene.restore(&scene.shell, &damaged, with)), (2, "backup_broken".into()));
        }
    }
    std::fs::write(&scene.passphrase, "otra frase que no es la suya\n").unwrap();
    assert_eq!(code(&scene.restore(&scene.shell, &scene.file, &[])), (2, "backup_broken".into()));
    std::fs::write(&scene.passphrase, format!("{PASSPHRASE}\n")).unwrap();

    let other = Shell::new(scene.at("other")).with("FEDATARIO_SAT_URL", "http://127.0.0.1:9");
    other.run(&["tenant", "add", "uno", "--json"]).good();
    assert_eq!(scene.outcomes(&other, &[]), (vec!["no_owner".into()], 1), "whose it is, is not here");
    let package = scene.at("p.zip");
    std::fs::write(&package, zip::ZipWriter::new(std::io::Cursor::new(Vec::new())).finish().unwrap().into_inner()).unwrap();
    other.run(&["sat", "import", "--rfc", RFC, "--json", text(&package)]);
    let dry = scene.restore(&other, &scene.file, &["--dry-run"]).good();
    assert_eq!(dry["credentials"][0]["outcome"], "new");
    let done = scene.restore(&other, &scene.file, &[]).good();
    assert_eq!(done["credentials"][0]["outcome"], "new");
    scene.signs(&other);
    assert_eq!(scene.outcomes(&other, &[]), (vec!["same".into()], 0), "again changes nothing");
    assert_eq!(other.run(&["audit", "verify", "--json"]).good()["intact"], true);
    covers!("vault: at the shell a backup comes back onto the same house and onto another, and a damaged one is refused whole");
}

#[test]
fn when_the_root_key_of_taxpayers_keys_is_lost_a_backup_brings_them_back() {
    let scene = Scene::new();
    let shell = &scene.shell;
    let root = shell.dir.join("signer.key");
    std::fs::remove_file(&root).unwrap();
    assert_eq!(code(&shell.run(&["vault", "status", "--json"])), (2, "root_key_missing".into()));
    assert!(!root.exists(), "none is made beside what another one sealed");

    // As the page for three in the morning says.
    let made = Command::new("sh")
        .args(["-c", "umask 077; echo \"2 $(openssl rand -base64 32)\" > \"$0\"", text(&root)])
        .status()
        .expect("a shell");
    assert!(made.success());
    let ended = shell.run(&["vault", "rotate", "--tenant-key", "--json"]);
    assert_eq!(code(&ended), (2, "root_key_missing".into()), "what the lost key wraps stays behind");
    assert_eq!(scene.outcomes(shell, &[]), (vec!["same".into()], 0), "its row is here");
    assert_eq!(scene.outcomes(shell, &["--replace"]), (vec!["replaced".into()], 0));
    scene.signs(shell);
    assert_eq!(shell.run(&["audit", "verify", "--json"]).good()["intact"], true);
    covers!("vault: with the root key of taxpayers' keys lost, a new one by hand and a backup bring every credential back");
}
