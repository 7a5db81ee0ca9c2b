//! The last words of authorities, and notices of the end of certificates.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::{credential, our_taxpayer};
use fedatario_app::expiry::model::Notice;
use fedatario_app::model::{CredentialRow, CredentialState};
use fedatario_app::trust::model::{RevocationRow, RevocationState};
use fedatario_base::id::{CredentialId, NoticeId};
use jiff::SignedDuration;

on_both!(
    last_words_are_kept_and_their_tenants_alone,
    certificates_are_asked_about_when_their_word_is_over,
    a_notice_is_made_once_told_once_and_acknowledged_with_those_before,
);

/// Far more than a page of a sweep.
const MANY: usize = 1_200;

fn word(certificate: &[u8]) -> RevocationRow {
    RevocationRow {
        fingerprint: [certificate[0]; 32],
        certificate: certificate.to_vec(),
        state: RevocationState::Revoked,
        source: Some("ocsp http://ocsp.example/ñ".into()),
        problem: None,
        reason: Some("key_compromise".into()),
        revoked: Some(noon()),
        this_update: Some(noon()),
        next_update: Some(noon() + SignedDuration::from_hours(1)),
        checked: noon(),
        due: noon() + SignedDuration::from_hours(1),
    }
}

async fn put(bench: &Bench, row: &CredentialRow) {
    let mut tx = bench.our_tx().await;
    tx.put_credential(row, noon()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn last_words_are_kept_and_their_tenants_alone(bench: &Bench) {
    let row = word(&[1, 2, 3]);
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.revocation(&row.fingerprint).await.unwrap(), None);
    tx.put_revocation(&row).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.revocation(&row.fingerprint).await.unwrap(), None);
    let theirs = RevocationRow { state: RevocationState::Good, reason: None, revoked: None, ..row.clone() };
    tx.put_revocation(&theirs).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.revocation(&row.fingerprint).await.unwrap(), Some(row.clone()), "theirs is another row");
    let newer = RevocationRow { state: RevocationState::Unknown, source: None, problem: Some("no answer".into()), ..row };
    tx.put_revocation(&newer).await.unwrap();
    assert_eq!(tx.revocation(&newer.fingerprint).await.unwrap(), Some(newer));
    methods!(bench; "Revocations::revocation", "Revocations::put_revocation");
}

async fn certificates_are_asked_about_when_their_word_is_over(bench: &Bench) {
    let taxpayer = our_taxpayer(bench).await;
    let row = credential(taxpayer.id);
    put(bench, &row).await;
    let mut tx = bench.our_tx().await;
    let bearing = tx.credentials_bearing(&row.certificate).await.unwrap();
    assert_eq!(bearing.iter().map(|it| it.id).collect::<Vec<_>>(), [row.id]);
    assert_eq!(tx.credentials_bearing(&[9]).await.unwrap(), []);
    assert_eq!(tx.certificates_due(noon(), 10).await.unwrap(), std::slice::from_ref(&row.certificate), "nobody was asked yet");
    let kept = word(&row.certificate);
    tx.put_revocation(&kept).await.unwrap();
    assert!(tx.certificates_due(noon(), 10).await.unwrap().is_empty());
    assert_eq!(tx.certificates_due(kept.due, 10).await.unwrap().len(), 1);
    assert!(tx.certificates_due(kept.due, 0).await.unwrap().is_empty());
    for state in [CredentialState::Replaced, CredentialState::Next] {
        tx.set_credential_state(row.id, state, None).await.unwrap();
        assert_eq!(tx.credentials_bearing(&row.certificate).await.unwrap().len(), 1, "it may be put into use");
        assert_eq!(tx.certificates_due(kept.due, 10).await.unwrap().len(), 1, "so its authority is asked");
    }
    tx.set_credential_state(row.id, CredentialState::Destroyed, None).await.unwrap();
    assert_eq!(tx.credentials_bearing(&row.certificate).await.unwrap(), [], "what is not used is nobody's worry");
    assert!(tx.certificates_due(kept.due, 10).await.unwrap().is_empty());
    tx.commit().await.unwrap();
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.credentials_bearing(&row.certificate).await.unwrap(), []);
    assert!(tx.certificates_due(kept.due, 10).await.unwrap().is_empty());
    methods!(bench; "Revocations::credentials_bearing", "Revocations::certificates_due");
}

/// A notice of so many days before the end: the fewer, the later it was made, so that ids have one order.
fn notice(credential: CredentialId, days: i64) -> Notice {
    let at = noon() - SignedDuration::from_hours(24 * days);
    Notice { id: NoticeId::fresh(at), credential, days, not_after: noon(), escalated: days < 30, at }
}

async fn a_notice_is_made_once_told_once_and_acknowledged_with_those_before(bench: &Bench) {
    let taxpayer = our_taxpayer(bench).await;
    let row = credential(taxpayer.id);
    put(bench, &row).await;
    let before = row.not_after + SignedDuration::from_secs(1);
    let mut tx = bench.our_tx().await;
    assert!(tx.credentials_ending(row.not_after, None, 10).await.unwrap().is_empty(), "an end is before an instant or not");
    let ending = tx.credentials_ending(before, None, 10).await.unwrap();
    assert_eq!((ending.len(), ending[0].credential, ending[0].last_days), (1, row.id, None));
    assert!(tx.credentials_ending(before, Some(row.id), 10).await.unwrap().is_empty(), "after the last there is none");

    let (first, second) = (notice(row.id, 30), notice(row.id, 15));
    assert_eq!(tx.add_notices(&[first.clone(), second.clone()]).await.unwrap(), 2);
    assert_eq!(tx.add_notices(&[notice(row.id, 15)]).await.unwrap(), 0, "once, ever");
    assert_eq!(tx.add_notices(&[]).await.unwrap(), 0);
    let kept = tx.notice(second.id).await.unwrap().unwrap();
    assert_eq!(kept.notice, second);
    assert_eq!((kept.tax_id.as_deref(), kept.holder.as_deref()), (Some(taxpayer.tax_id.as_str()), Some(taxpayer.name.as_str())));
    assert_eq!((kept.owner.taxpayer(), kept.told, kept.acknowledged), (Some(taxpayer.id), None, None));
    let ending = tx.credentials_ending(before, None, 10).await.unwrap();
    assert_eq!((ending[0].last_days, ending[0].is_acknowledged), (Some(15), false));

    assert_eq!(tx.notices_untold(10).await.unwrap().len(), 2);
    assert!(tx.tell_notice(first.id, noon()).await.unwrap());
    assert!(!tx.tell_notice(first.id, noon()).await.unwrap(), "once");
    assert_eq!(tx.notices_untold(10).await.unwrap().len(), 1);
    let newest: Vec<NoticeId> = tx.notices(true, None, 10).await.unwrap().iter().map(|it| it.notice.id).collect();
    assert_eq!(newest, [second.id, first.id]);
    assert_eq!(tx.notices(false, Some(second.id), 10).await.unwrap().len(), 1);
    tx.commit().await.unwrap();

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.notice(second.id).await.unwrap(), None);
    assert_eq!(tx.notices(false, None, 10).await.unwrap(), []);
    assert_eq!(tx.notices_untold(10).await.unwrap(), []);
    assert!(tx.credentials_ending(before, None, 10).await.unwrap().is_empty());
    assert!(!tx.tell_notice(second.id, noon()).await.unwrap());
    assert!(!tx.acknowledge_notice(second.id, "user:x", noon()).await.unwrap());
    tx.commit().await.unwrap();

    let mut tx = bench.our_tx().await;
    assert!(tx.acknowledge_notice(second.id, "user:ana", noon()).await.unwrap());
    assert!(!tx.acknowledge_notice(second.id, "user:eva", noon()).await.unwrap(), "the first keeps it");
    assert_eq!(tx.notices(true, None, 10).await.unwrap(), [], "the one before went with it");
    let all = tx.notices(false, None, 10).await.unwrap();
    assert!(all.iter().all(|it| it.acknowledged == Some(noon()) && it.acknowledged_by.as_deref() == Some("user:ana")));
    assert!(tx.credentials_ending(before, None, 10).await.unwrap()[0].is_acknowledged);
    let many: Vec<Notice> = (0..MANY as i64).map(|it| notice(row.id, 1_000 + it)).collect();
    assert_eq!(tx.add_notices(&many).await.unwrap(), MANY as u64, "more than one statement holds");
    methods!(
        bench; "Notices::credentials_ending", "Notices::add_notices", "Notices::notice", "Notices::notices",
        "Notices::notices_untold", "Notices::tell_notice", "Notices::acknowledge_notice"
    );
}
