//! The JSON API: an edge over the services, and nothing that decides.
//!
//! # How an operation is added
//!
//! One declaration says everything about an operation; its handler's types say the rest. A module is a
//! file under `routes/` with a function `routes()`, listed in [`routes::all`]:
//!
//! ```ignore
//! pub fn routes() -> Routes {
//!     Routes::of("taxpayers")                                     // the group in the reference page
//!         .add(
//!             Operation::get("/api/taxpayers", "taxpayers.list", "Taxpayers of the tenant")
//!                 .needs(Permission::TaxpayerRead),               // or .signed_in(), or .anyone()
//!             list,
//!         )
//!         .add(
//!             Operation::post("/api/taxpayers", "taxpayers.register", "Registers a taxpayer")
//!                 .needs(Permission::TaxpayerWrite)
//!                 .audits("taxpayer.registered")                  // what its success appends to the chain
//!                 .refuses(&[Code::RfcFormat])                    // codes of its own, for the document
//!                 .example(r#"{"kind":"rfc","tax_id":"EKU9003173C9"}"#),
//!             register,
//!         )
//! }
//!
//! async fn list(api: Api, scope: Scope, page: Page) -> Result<Paged<TaxpayerView>, ApiError> {
//!     let mut tx = api.app.store.read(&scope).await?;
//!     let rows = tx.taxpayers(page.after()?, page.limit + 1).await?; // one more: is there another page?
//!     Ok(Paged::new(&page, rows.into_iter().map(TaxpayerView::from).collect(), |it| it.id.clone()))
//! }
//!
//! async fn register(api: Api, scope: Scope, Body(form): Body<NewTaxpayer>) -> Result<Created<TaxpayerView>, ApiError> {
//!     let mut findings = Findings::default();                     // every bad field, in one 422
//!     let rfc: Option<Rfc> = findings.parsed("/tax_id", &form.tax_id, Code::RfcFormat);
//!     findings.done()?;
//!     …
//! }
//! ```
//!
//! What follows from that, without another line: the route; the door, the permission and the step-up
//! before the handler runs; the chained refusal of whoever may not; the bound and the time of the body;
//! `Idempotency-Key`; the limits and their headers; `x-permission`, `x-idempotency`, parameters, bodies,
//! answers and refusals in the OpenAPI document; the rows of the matrix. Nothing is routable that did
//! not say who may call it: [`operation::Unguarded`] is not an [`Operation`], and only
//! [`routing::Catalog`] holds a router.
//!
//! Handlers take up to seven of: [`Api`] (the services: `api.app`, `api.door`, …), [`Scope`](fedatario_base::Scope),
//! [`extract::Caller`] (the principal), [`call::Asked`] (request id, trace, language, origin),
//! [`extract::At`]`<TaxpayerId>` (parts of the path, in order), [`extract::Query`]`<T>`, [`extract::Page`],
//! [`extract::Body`]`<T>`, [`extract::Raw`], [`extract::Upload`], [`extract::IfMatch`],
//! [`extract::LastEvent`]; the body last. They answer `Result<A, ApiError>` with one of [`answer`]:
//! [`answer::Json`], [`answer::Created`], [`answer::Accepted`], [`answer::Nothing`], [`answer::Tagged`]
//! (ETag), [`answer::Paged`], [`answer::Download`], [`answer::Document`], [`events::Events`] (server-sent
//! events). Bodies and views derive `utoipa::ToSchema`; bodies are closed with
//! `#[serde(deny_unknown_fields)]`; instants are `jiff::Timestamp` with `#[schema(value_type = String,
//! format = DateTime)]`; ids are `String`s in views and `At<…Id>` in paths; money and big numbers are strings.
//!
//! Errors: `?` on anything a service returns gives its code's status and sentences. Somebody else's id
//! is [`problem::ApiError::not_found`]. English texts of errors go to the log only.
//!
//! Another service is a field of [`api::Parts`], given by the binary and by [`testing::parts`].
//! Tests: [`testing::TestApi`]; see `crates/api/tests/api/`.

pub mod answer;
pub mod api;
pub mod call;
pub mod content;
pub mod cursor;
pub mod denials;
pub mod describe;
pub mod edge;
pub mod events;
pub mod extract;
pub mod form;
pub mod idempotency;
pub mod limits;
pub mod lines;
pub mod metrics;
pub mod openapi;
pub mod operation;
mod patient;
pub mod pipeline;
pub mod printed;
pub mod problem;
pub mod reference;
pub mod routes;
pub mod routing;
pub mod server;
pub mod settings;
pub mod spool;
pub mod testing;

pub use api::Api;
pub use operation::Operation;
pub use problem::ApiError;
pub use routing::Routes;
