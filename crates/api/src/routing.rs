//! Routes as modules declare them, and the one way to a router.
//!
//! A module answers with [`Routes`]: operations with their handlers. [`Catalog`] gathers the modules;
//! the router, the OpenAPI document and the matrix of coverage are all made from it. There is no
//! other way to be routed: the router of the library underneath stays private to this module.

use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::describe::Description;
use crate::extract::Extract;
use crate::operation::{Access, Idempotency, Operation};
use crate::problem::ApiError;
use crate::{edge, pipeline};
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter};
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

/// Answers one call.
pub type Serve = Arc<dyn Fn(Call) -> BoxFuture<'static, Result<Response, ApiError>> + Send + Sync>;

/// An operation with its handler.
#[derive(Clone)]
pub struct Entry {
    /// What it declares.
    pub operation: Arc<Operation>,
    /// What the types of its handler say.
    pub description: Arc<Description>,
    /// Which module it is of.
    pub tag: &'static str,
    /// Whether its connection ends with its answer: a password came over it, which else lies in the buffer
    /// of a connection that is kept until something else is read over it.
    pub is_delicate: bool,
    pub(crate) serve: Serve,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.operation.method, self.operation.path)
    }
}

/// The operations of a module.
#[derive(Debug)]
pub struct Routes {
    tag: &'static str,
    entries: Vec<Entry>,
}

impl Routes {
    /// Begins a module; the tag groups its operations in the reference page.
    pub fn of(tag: &'static str) -> Self {
        Self { tag, entries: Vec::new() }
    }

    /// Adds an operation with its handler: an `async fn` of up to seven extractors that answers
    /// `Result<impl Answer, ApiError>`.
    pub fn add<Ins: 'static, E: Endpoint<Ins>>(mut self, operation: Operation, endpoint: E) -> Self {
        let mut description = Description::default();
        E::describe(&mut description);
        let serve: Serve = Arc::new(move |call| Box::pin(endpoint.clone().run(call)));
        let is_delicate = operation.is_delicate || description.takes_password();
        let (operation, description) = (Arc::new(operation), Arc::new(description));
        self.entries.push(Entry { operation, description, tag: self.tag, is_delicate, serve });
        self
    }
}

/// A handler: extractors in, an answer out.
pub trait Endpoint<Ins>: Clone + Send + Sync + 'static {
    /// What its types say.
    fn describe(description: &mut Description);

    /// Extracts, runs, answers.
    fn run(self, call: Call) -> impl Future<Output = Result<Response, ApiError>> + Send;
}

macro_rules! endpoints {
    ($(($($input:ident),*);)*) => { $(
        impl<F, Fut, A, $($input,)*> Endpoint<($($input,)*)> for F
        where
            F: Fn($($input),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = Result<A, ApiError>> + Send,
            A: Answer,
            $($input: Extract,)*
        {
            fn describe(description: &mut Description) {
                $($input::describe(description);)*
                A::describe(description);
            }

            #[allow(non_snake_case, unused_mut, reason = "one shape for every number of inputs")]
            async fn run(self, mut call: Call) -> Result<Response, ApiError> {
                $(let $input = $input::extract(&mut call).await?;)*
                let answer = self($($input),*).await?;
                answer.answer(&call)
            }
        }
    )* };
}

endpoints! {
    ();
    (I1);
    (I1, I2);
    (I1, I2, I3);
    (I1, I2, I3, I4);
    (I1, I2, I3, I4, I5);
    (I1, I2, I3, I4, I5, I6);
    (I1, I2, I3, I4, I5, I6, I7);
}

/// Every operation there is.
#[derive(Debug, Clone)]
pub struct Catalog {
    entries: Arc<Vec<Entry>>,
}

impl Catalog {
    /// The operations of these modules.
    pub fn new(modules: Vec<Routes>) -> Self {
        Self { entries: Arc::new(modules.into_iter().flat_map(|it| it.entries).collect()) }
    }

    /// All operations, in the order of their modules.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The operation of a name.
    pub fn named(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|it| it.operation.id == id)
    }

    /// What is declared wrongly: two of one name or place, an open operation whose handler wants to
    /// know who calls, path parts that nobody reads, bodies that take unknown fields or
    /// show no example. Empty in a
    /// program that passes its tests.
    pub fn faults(&self) -> Vec<String> {
        let (mut names, mut places, mut found) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for entry in self.entries() {
            let operation = &entry.operation;
            if !names.insert(operation.id) || !places.insert((operation.method.to_string(), operation.path)) {
                found.push(format!("{entry:?}: declared twice"));
            }
            found.extend(fault_of(entry).map(|it| format!("{entry:?}: {it}")));
        }
        found
    }

    /// The router, with everything that surrounds an operation.
    pub fn router(&self, api: Api) -> Router {
        let mut by_path: BTreeMap<&'static str, MethodRouter> = BTreeMap::new();
        for entry in self.entries() {
            let routes = by_path.remove(entry.operation.path).unwrap_or_default();
            by_path.insert(entry.operation.path, routed(routes, entry.clone(), api.clone()));
        }
        let router = by_path.into_iter().fold(Router::new(), |router, (path, routes)| router.route(path, routes));
        edge::surround(router, api)
    }
}

fn routed(routes: MethodRouter, entry: Entry, api: Api) -> MethodRouter {
    // The five methods that a declaration can make are all known to the library.
    let filter = MethodFilter::try_from(entry.operation.method.clone()).unwrap_or(MethodFilter::GET);
    routes.on(filter, move |request: Request| pipeline::serve(entry.clone(), api.clone(), request))
}

fn fault_of(entry: &Entry) -> Option<String> {
    let (operation, description) = (&entry.operation, &entry.description);
    if operation.access == Access::Anyone && description.needs_principal {
        return Some("open to anyone, and its handler asks who calls".into());
    }
    let read = description.parameters.iter().filter(|it| it.place == crate::describe::Place::Path).count();
    if read != operation.path_names().count() {
        return Some(format!("{read} parts of the path are read"));
    }
    if description.body.as_ref().is_some_and(|it| it.streams) && operation.idempotency != Idempotency::Ignored {
        return Some("a stream is not compared, so its operation heeds no key: idempotency_ignored()".into());
    }
    if description.answers.is_empty() {
        return Some("it never answers".into());
    }
    let body = description.body.as_ref().filter(|it| it.media == "application/json")?;
    if operation.example.is_none_or(|it| serde_json::from_str::<serde_json::Value>(it).is_err()) {
        return Some("it takes JSON, and shows no example of it".into());
    }
    let name = body.schema.get("$ref")?.as_str()?.rsplit('/').next()?;
    let schema = description.schemas.get(name)?;
    let open = schema.get("properties").is_some() && schema.get("additionalProperties") != Some(&serde_json::json!(false));
    open.then(|| format!("its body {name} takes unknown fields: add #[serde(deny_unknown_fields)]"))
}
