//! Addresses that are told of events, events, deliveries.

use crate::bench::{Bench, methods, noon, on_both};
use fedatario_app::hooks::events::EventKind;
use fedatario_app::hooks::model::*;
use fedatario_app::ports::StoreError;
use fedatario_base::id::{DeliveryId, EventId, WebhookId};
use jiff::{SignedDuration, Timestamp};

on_both!(
    addresses_are_kept_changed_and_their_tenants_alone,
    deliveries_are_found_by_what_they_are,
    what_is_old_and_over_is_forgotten,
);

fn webhook() -> Webhook {
    Webhook {
        id: WebhookId::fresh(noon()),
        url: "https://erp.example.com/ñ?x=1".into(),
        description: "ERP".into(),
        events: vec![EventKind::YearComplete, EventKind::JobDead],
        state: HookState::Enabled,
        reason: None,
        notify: Some("ana@example.com".into()),
        secrets: vec![SealedSecret {
            n: 1,
            kind: SecretKind::Ed25519,
            sealed: "c2VhbGVk".into(),
            public: Some("whpk_x".into()),
            created: noon(),
            expires: Some(noon()),
        }],
        failing_since: Some(noon()),
        created: noon(),
        revision: 0,
    }
}

fn event(at: Timestamp) -> EventRow {
    EventRow { id: EventId::fresh(at), kind: EventKind::JobDead, at, body: "{\"type\":\"job.dead\",\"ñ\":1}".into() }
}

fn attempt(status: u16) -> Attempt {
    Attempt { at: noon(), status: Some(status), code: None, took_ms: 12, said: Some("¿qué?".into()) }
}

async fn addresses_are_kept_changed_and_their_tenants_alone(bench: &Bench) {
    let row = webhook();
    let mut tx = bench.our_tx().await;
    tx.add_webhook(&row).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.webhook(row.id).await.unwrap(), None);
    assert_eq!(tx.webhooks().await.unwrap(), []);
    assert!(!tx.delete_webhook(row.id).await.unwrap());
    tx.mark_webhook(row.id, None).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = bench.our_tx().await;
    assert_eq!(tx.webhook(row.id).await.unwrap(), Some(row.clone()), "nobody else changed it");
    let changed = Webhook { state: HookState::Disabled, reason: Some("webhook_gone".into()), events: vec![], ..row.clone() };
    tx.update_webhook(&changed).await.unwrap();
    tx.mark_webhook(row.id, None).await.unwrap();
    let expected = Webhook { revision: 1, failing_since: None, ..changed.clone() };
    assert_eq!(tx.webhooks().await.unwrap(), [expected]);
    tx.commit().await.unwrap();
    let mut tx = bench.our_tx().await;
    assert!(matches!(tx.update_webhook(&changed).await, Err(StoreError::Conflict(_))), "of an older revision");
    drop(tx);
    let mut tx = bench.their_tx().await;
    assert!(matches!(tx.update_webhook(&expected_of(&row)).await, Err(StoreError::NotFound)));
    drop(tx);
    let mut tx = bench.our_tx().await;
    assert!(tx.delete_webhook(row.id).await.unwrap());
    assert_eq!(tx.webhook(row.id).await.unwrap(), None);
    methods!(bench; "Hooks::add_webhook", "Hooks::webhooks", "Hooks::webhook", "Hooks::update_webhook", "Hooks::mark_webhook", "Hooks::delete_webhook");
}

fn expected_of(row: &Webhook) -> Webhook {
    Webhook { revision: 1, ..row.clone() }
}

async fn deliveries_are_found_by_what_they_are(bench: &Bench) {
    let (one, other) = (webhook(), webhook());
    let (first, second) = (event(noon()), event(noon() + SignedDuration::from_secs(1)));
    let later = noon() + SignedDuration::from_mins(5);
    let mut tx = bench.our_tx().await;
    for it in [&one, &other] {
        tx.add_webhook(it).await.unwrap();
    }
    for it in [&first, &second] {
        tx.add_event(it).await.unwrap();
    }
    let mut failed = Delivery::fresh(DeliveryId::fresh(noon()), &first, one.id, noon());
    let waiting = Delivery::fresh(DeliveryId::fresh(later), &second, one.id, later);
    let elsewhere = Delivery::fresh(DeliveryId::fresh(later), &second, other.id, later);
    for it in [&failed, &waiting, &elsewhere] {
        tx.add_delivery(it).await.unwrap();
    }
    failed.note(attempt(500));
    (failed.state, failed.ended) = (DeliveryState::Failed, Some(later));
    tx.update_delivery(&failed).await.unwrap();
    failed.revision = 1;
    tx.commit().await.unwrap();

    let mut tx = bench.our_tx().await;
    assert_eq!(tx.event(first.id).await.unwrap(), Some(first.clone()), "byte for byte");
    assert_eq!(tx.events(None, None, 10).await.unwrap(), [second.clone(), first.clone()]);
    assert_eq!(tx.events(Some(EventKind::JobDead), Some(second.id), 10).await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(tx.events(Some(EventKind::YearComplete), None, 10).await.unwrap(), []);
    assert_eq!(tx.delivery(failed.id).await.unwrap(), Some(failed.clone()));
    let of = |filter: DeliveryFilter| filter;
    let cases = [
        (of(DeliveryFilter::default()), 3),
        (DeliveryFilter { webhook: Some(one.id), ..Default::default() }, 2),
        (DeliveryFilter { event: Some(second.id), ..Default::default() }, 2),
        (DeliveryFilter { state: Some(DeliveryState::Failed), ..Default::default() }, 1),
        (DeliveryFilter { from: Some(later), ..Default::default() }, 2),
        (DeliveryFilter { to: Some(later), ..Default::default() }, 1),
        (DeliveryFilter { webhook: Some(one.id), from: Some(later), to: Some(later), ..Default::default() }, 0),
    ];
    for (filter, expected) in cases {
        assert_eq!(tx.deliveries(&filter, None, 10).await.unwrap().len(), expected, "{filter:?}");
    }
    let newest = tx.deliveries(&DeliveryFilter::default(), None, 1).await.unwrap();
    let rest = tx.deliveries(&DeliveryFilter::default(), Some(newest[0].id), 10).await.unwrap();
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[1], failed, "newest first");
    assert!(matches!(tx.update_delivery(&Delivery { revision: 0, ..failed.clone() }).await, Err(StoreError::Conflict(_))));
    drop(tx);
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.delivery(failed.id).await.unwrap(), None);
    assert_eq!(tx.event(first.id).await.unwrap(), None);
    assert_eq!(tx.events(None, None, 10).await.unwrap(), []);
    assert_eq!(tx.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap(), []);
    assert!(matches!(tx.update_delivery(&failed).await, Err(StoreError::NotFound)));
    methods!(bench; "Hooks::add_event", "Hooks::event", "Hooks::events", "Hooks::add_delivery", "Hooks::delivery", "Hooks::update_delivery", "Hooks::deliveries");
}

async fn what_is_old_and_over_is_forgotten(bench: &Bench) {
    let hook = webhook();
    let (old, waited_for, fresh) = (event(noon()), event(noon()), event(noon() + SignedDuration::from_hours(1)));
    let mut tx = bench.our_tx().await;
    tx.add_webhook(&hook).await.unwrap();
    for it in [&old, &waited_for, &fresh] {
        tx.add_event(it).await.unwrap();
    }
    let mut over = Delivery::fresh(DeliveryId::fresh(noon()), &old, hook.id, noon());
    over.state = DeliveryState::Delivered;
    tx.add_delivery(&over).await.unwrap();
    let waiting = Delivery::fresh(DeliveryId::fresh(noon()), &waited_for, hook.id, noon());
    tx.add_delivery(&waiting).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.prune_events(Timestamp::MAX).await.unwrap(), 0);
    drop(tx);
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.prune_events(noon() + SignedDuration::from_secs(1)).await.unwrap(), 1);
    assert_eq!(tx.event(old.id).await.unwrap(), None);
    assert_eq!(tx.delivery(over.id).await.unwrap(), None, "its deliveries go with it");
    assert!(tx.event(waited_for.id).await.unwrap().is_some() && tx.event(fresh.id).await.unwrap().is_some());
    assert!(tx.delete_webhook(hook.id).await.unwrap());
    assert_eq!(tx.delivery(waiting.id).await.unwrap(), None, "an address takes its deliveries along");
    methods!(bench; "Hooks::prune_events");
}
