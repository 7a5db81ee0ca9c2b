//! Credentials carried out of the house: one file under a passphrase, and back.
//!
//! The file is text. Its first line is `fedatario-vault-backup 1 <tenant> <instant> <items>`, its second
//! says how the passphrase becomes a key ([`PassphraseParams`]); then comes a line of base64 for each
//! credential, and one that ends it. Every line below the second is sealed as everything in the vault is
//! and bound to the digest of the first two, to its own place and to the number of all, so that nothing
//! can be moved, left out, added or cut. Whatever fails to open is one error: a wrong passphrase and an
//! altered file cannot be told apart.
//!
//! A credential comes back under a fresh id, sealed for the tenant that takes it in: its signatures are
//! counted anew, and what the old id signed stays on record as it is. Whether it takes a place, and
//! whose, is for the services to say.

use crate::credential::require;
use crate::envelope::{self, Binding, KeyBytes};
use crate::{CredentialKind, CredentialState, PassphraseParams, SealedCredential, Vault, VaultError};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fedatario_base::id::{CredentialId, TenantId};
use fedatario_base::{Permission, Scope, Secret};
use fedatario_credentials::{Certificate, Pair, PrivateKey};
use jiff::Timestamp;
use zeroize::Zeroizing;

/// Most bytes of a backup: two thousand credentials of eight kilobytes.
pub const MAX_BACKUP_BYTES: usize = 16 * 1024 * 1024;
/// Most credentials of one backup.
const MAX_ITEMS: usize = 2_000;
/// How many rows are looked at together.
const PAGE: u32 = 500;
/// No key has this version, so that every credential that still has its key is found.
const NO_VERSION: u32 = 0;

/// Bytes of the first line at most: four short words and an instant.
const HEAD_BYTES_AT_MOST: usize = 256;

const MAGIC: &str = "fedatario-vault-backup";
const FORMAT: &str = "1";
/// The key of a backup has one version.
const KEY_VERSION: u32 = 1;
/// What the last line seals.
const END: &[u8] = b"end";

/// A credential of a backup, sealed anew for the tenant that takes it in.
#[derive(Debug, Clone)]
pub struct Restorable {
    /// It, under a fresh id.
    pub sealed: SealedCredential,
    /// Its id where it came from.
    pub was: String,
    /// Whose it was there.
    pub owner: String,
    /// Its state there.
    pub state: CredentialState,
}

/// What one line holds.
struct Item {
    id: String,
    owner: String,
    kind: CredentialKind,
    state: CredentialState,
    certificate: Vec<u8>,
    pkcs8: Zeroizing<Vec<u8>>,
}

/// The first two lines.
struct Head {
    text: String,
    items: usize,
    params: PassphraseParams,
}

impl Vault {
    /// All credentials of the tenant that still have their keys, or one of them, as a file under
    /// `passphrase`.
    pub async fn back_up(
        &self,
        scope: &Scope,
        passphrase: &Secret,
        one: Option<CredentialId>,
        now: Timestamp,
    ) -> Result<Vec<u8>, VaultError> {
        require(scope, Permission::CredentialExport)?;
        if let Some(signer) = self.remote() {
            return signer.back_up(scope, passphrase, one).await;
        }
        let ids = match one {
            Some(id) => vec![id],
            None => self.all_with_keys(scope).await?,
        };
        if ids.len() > MAX_ITEMS {
            return Err(VaultError::NoteRefused("more credentials than one backup holds"));
        }
        let (params, key) = keyed(passphrase)?;
        let text = format!("{MAGIC} {FORMAT} {} {now} {}\n{params}\n", scope.tenant(), ids.len());
        let (mut file, bound) = (text.clone(), Bound::of(&text, ids.len(), scope.tenant()));
        for (place, id) in ids.into_iter().enumerate() {
            let plain = self.item(scope, id).await?.written();
            file.push_str(&bound.line(&key, &place.to_string(), &plain)?);
        }
        file.push_str(&bound.line(&key, "end", END)?);
        Ok(file.into_bytes())
    }

    async fn all_with_keys(&self, scope: &Scope) -> Result<Vec<CredentialId>, VaultError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.credentials.next_behind(scope, NO_VERSION, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.id);
            all.extend(page.iter().map(|it| it.id));
        }
    }

    async fn item(&self, scope: &Scope, id: CredentialId) -> Result<Item, VaultError> {
        let row = self.credentials.credential(scope, id).await?.filter(|it| it.state != CredentialState::Destroyed);
        let row = row.ok_or(VaultError::CredentialMissing(id))?;
        let certificate = Certificate::parse(&row.certificate).map_err(|_| VaultError::SealBroken)?;
        let pkcs8 = self.private_key(scope, &row, &certificate).await?;
        let (owner, certificate) = (row.owner.to_string(), row.certificate);
        Ok(Item { id: id.to_string(), owner, kind: row.kind, state: row.state, certificate, pkcs8 })
    }

    /// Opens a backup and seals what it holds for the scope's tenant. Nothing is stored.
    pub async fn open_backup(
        &self,
        scope: &Scope,
        passphrase: &Secret,
        file: &[u8],
        now: Timestamp,
    ) -> Result<Vec<Restorable>, VaultError> {
        require(scope, Permission::CredentialUpload)?;
        if let Some(signer) = self.remote() {
            return signer.open_backup(scope, passphrase, file).await;
        }
        let mut all = Vec::new();
        for item in opened(passphrase, file)? {
            let broken = |_| VaultError::BackupBroken;
            let certificate = Certificate::parse(&item.certificate).map_err(broken)?;
            let key = PrivateKey::open(&item.pkcs8, &Secret::new("")).map_err(broken)?;
            let pair = Pair::new(certificate, key).map_err(broken)?;
            let sealed = self.sealed(scope, pair, item.kind, CredentialId::fresh(now)).await?;
            all.push(Restorable { sealed, was: item.id, owner: item.owner, state: item.state });
        }
        Ok(all)
    }
}

/// Whose backup a file says it is. What it says is bound to everything in it, so that it is true of a file
/// that opens ([`Vault::open_backup`]), and of no other.
pub fn backup_tenant(file: &[u8]) -> Option<TenantId> {
    let line = file.get(..file.len().min(HEAD_BYTES_AT_MOST))?.split(|it| *it == b'\n').next()?;
    std::str::from_utf8(line).ok()?.split(' ').nth(2)?.parse().ok()
}

/// A fresh key of a passphrase; what is too short to protect a key is the caller's mistake.
fn keyed(passphrase: &Secret) -> Result<(PassphraseParams, KeyBytes), VaultError> {
    PassphraseParams::fresh_key(KEY_VERSION, passphrase).map_err(|error| match error {
        VaultError::RootKeyWrong(_) => VaultError::PassphraseShort,
        other => other,
    })
}

/// What the lines of one backup are bound to.
struct Bound {
    digest: String,
    items: usize,
    tenant: TenantId,
}

impl Bound {
    fn of(text: &str, items: usize, tenant: TenantId) -> Self {
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        Self { digest: digest.as_ref().iter().map(|it| format!("{it:02x}")).collect(), items, tenant }
    }

    fn object(&self, place: &str) -> String {
        format!("{}/{place}/{}", self.digest, self.items)
    }

    fn line(&self, key: &KeyBytes, place: &str, plain: &[u8]) -> Result<String, VaultError> {
        let object = self.object(place);
        let binding = Binding { what: "backup", tenant: self.tenant, object: &object };
        Ok(format!("{}\n", STANDARD.encode(envelope::seal(key, KEY_VERSION, binding, plain)?)))
    }

    fn opened(&self, key: &KeyBytes, place: &str, line: &str) -> Option<Zeroizing<Vec<u8>>> {
        let object = self.object(place);
        let binding = Binding { what: "backup", tenant: self.tenant, object: &object };
        let blob = STANDARD.decode(line).ok()?;
        envelope::open(key, KEY_VERSION, binding, &blob).ok()
    }
}

/// Everything a backup holds: all of it or nothing.
fn opened(passphrase: &Secret, file: &[u8]) -> Result<Vec<Item>, VaultError> {
    read(passphrase, file).ok_or(VaultError::BackupBroken)
}

fn read(passphrase: &Secret, file: &[u8]) -> Option<Vec<Item>> {
    let text = std::str::from_utf8(file).ok().filter(|it| it.len() <= MAX_BACKUP_BYTES)?;
    let (head, tenant) = head(text)?;
    let key = head.params.unlock_key(passphrase).ok()?;
    items(text, &head, tenant, &key)
}

/// Everything below the first two lines, under the key that they make.
fn items(text: &str, head: &Head, tenant: TenantId, key: &KeyBytes) -> Option<Vec<Item>> {
    let bound = Bound::of(&head.text, head.items, tenant);
    // Split at each end of line, so that the last one must be there and nothing behind it.
    let mut lines = text[head.text.len()..].split('\n');
    let mut items = Vec::new();
    for place in 0..head.items {
        items.push(Item::read(&bound.opened(key, &place.to_string(), lines.next()?)?)?);
    }
    let end = bound.opened(key, "end", lines.next()?)?;
    let is_whole = end.as_slice() == END && lines.next() == Some("") && lines.next().is_none();
    is_whole.then_some(items)
}

/// The first two lines; parameters other than ours are refused before they cost anything.
fn head(text: &str) -> Option<(Head, TenantId)> {
    let (first, rest) = text.split_once('\n')?;
    let (second, _) = rest.split_once('\n')?;
    let mut words = first.split(' ');
    (words.next()? == MAGIC && words.next()? == FORMAT).then_some(())?;
    let tenant: TenantId = words.next()?.parse().ok()?;
    words.next()?.parse::<Timestamp>().ok()?;
    let items = words.next()?.parse().ok().filter(|it| *it <= MAX_ITEMS)?;
    let params: PassphraseParams = second.parse().ok()?;
    (words.next().is_none() && params.is_usual() && params.version() == KEY_VERSION).then_some(())?;
    let text = text[..first.len() + second.len() + 2].to_owned();
    Some((Head { text, items, params }, tenant))
}

impl Item {
    /// Each field behind its length, four bytes big-endian.
    fn written(&self) -> Zeroizing<Vec<u8>> {
        let fields = [
            self.id.as_bytes(),
            self.owner.as_bytes(),
            self.kind.text().as_bytes(),
            self.state.text().as_bytes(),
            &self.certificate,
            &self.pkcs8,
        ];
        let mut plain = Zeroizing::new(Vec::with_capacity(fields.iter().map(|it| it.len() + 4).sum()));
        for field in fields {
            plain.extend_from_slice(&(field.len() as u32).to_be_bytes());
            plain.extend_from_slice(field);
        }
        plain
    }

    fn read(plain: &[u8]) -> Option<Self> {
        let mut rest = plain;
        let mut field = || {
            let (len, behind) = rest.split_first_chunk::<4>()?;
            let (field, behind) = behind.split_at_checked(u32::from_be_bytes(*len) as usize)?;
            rest = behind;
            Some(field)
        };
        let text = |it: &[u8]| std::str::from_utf8(it).ok().map(str::to_owned);
        let item = Self {
            id: text(field()?)?,
            owner: text(field()?)?,
            kind: CredentialKind::from_text(&text(field()?)?)?,
            state: CredentialState::from_text(&text(field()?)?)?,
            certificate: field()?.to_vec(),
            pkcs8: Zeroizing::new(field()?.to_vec()),
        };
        rest.is_empty().then_some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEMS: usize = 2;

    fn item(place: usize) -> Item {
        Item {
            id: format!("crd_{place}"),
            owner: "txp".into(),
            kind: CredentialKind::Fiel,
            state: CredentialState::Active,
            certificate: vec![1; 40],
            pkcs8: Zeroizing::new(vec![2; 60]),
        }
    }

    /// Opens with a key that is there already: deriving it for each of hundreds of files would take minutes.
    fn reads(file: &[u8], key: &KeyBytes) -> Option<usize> {
        let text = std::str::from_utf8(file).ok()?;
        let (head, tenant) = head(text)?;
        Some(items(text, &head, tenant, key)?.len())
    }

    fn file() -> (Vec<u8>, KeyBytes) {
        let tenant = TenantId::fresh(Timestamp::UNIX_EPOCH);
        let (params, key) = keyed(&Secret::new("una frase bastante larga")).unwrap();
        let text = format!("{MAGIC} {FORMAT} {tenant} 2026-09-01T12:00:00Z {ITEMS}\n{params}\n");
        let bound = Bound::of(&text, ITEMS, tenant);
        let lines: String = (0..ITEMS).map(|place| bound.line(&key, &place.to_string(), &item(place).written()).unwrap()).collect();
        let end = bound.line(&key, "end", END).unwrap();
        (format!("{text}{lines}{end}").into_bytes(), key)
    }

    #[test]
    fn every_byte_counts_and_no_cut_or_order_passes() {
        let (file, key) = file();
        assert_eq!(reads(&file, &key), Some(ITEMS));
        for place in 0..file.len() {
            for mask in [1, 0x20, 0x80] {
                let mut flipped = file.clone();
                flipped[place] ^= mask;
                assert_eq!(reads(&flipped, &key), None, "byte {place} ^ {mask}");
            }
        }
        for len in 0..file.len() {
            assert_eq!(reads(&file[..len], &key), None, "cut at {len}");
        }
        let text = String::from_utf8(file.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let joined = |order: &[usize]| order.iter().map(|it| format!("{}\n", lines[*it])).collect::<String>();
        assert_eq!(reads(joined(&[0, 1, 2, 3, 4]).as_bytes(), &key), Some(ITEMS));
        for order in [&[0, 1, 3, 2, 4][..], &[0, 1, 2, 2, 4], &[0, 1, 2, 4], &[0, 1, 2, 3], &[0, 1, 2, 3, 4, 4]] {
            assert_eq!(reads(joined(order).as_bytes(), &key), None, "{order:?}");
        }
        assert_eq!(reads(&[file.as_slice(), b"\n"].concat(), &key), None);
        let costly = text.replacen("m=65536", "m=1048576", 1);
        assert!(head(&costly).is_none(), "parameters of others are refused before they cost anything");
        fedatario_testkit::covers!("vault: a flipped byte anywhere, a cut or another order of a backup's lines is refused, whole");
    }
}
