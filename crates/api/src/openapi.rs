//! The OpenAPI 3.1 document, written from the declarations.

use crate::describe::{AnswerDescription, Description, Parameter, Place};
use crate::operation::{Access, Idempotency, Operation};
use crate::problem::source_text;
use crate::routing::{Catalog, Entry};
use fedatario_base::Code;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The media type of what may be of any.
pub const ANY_MEDIA: &str = "*/*";

/// The document of these operations.
pub fn document(catalog: &Catalog) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::from([("Problem".to_owned(), problem())]);
    let mut tags = BTreeSet::new();
    for entry in catalog.entries() {
        let method = entry.operation.method.as_str().to_ascii_lowercase();
        paths.entry(entry.operation.path).or_default().insert(method, operation(entry));
        schemas.extend(entry.description.schemas.clone());
        tags.insert(entry.tag);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fedatario",
            "version": crate::edge::VERSION,
            "summary": "Fiscal documents of Latin America",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags.iter().map(|it| json!({ "name": it })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "An access token of `POST /api/auth/login`, or an API key." },
            },
            "responses": { "Problem": {
                "description": "Refused or failed; `code` says why.",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            } },
        },
    })
}

fn operation(entry: &Entry) -> Value {
    let (operation, description) = (&entry.operation, &entry.description);
    let mut told = json!({
        "operationId": operation.id,
        "tags": [entry.tag],
        "summary": operation.summary,
        "parameters": parameters(operation, description),
        "responses": responses(operation, description),
        "security": if operation.access == Access::Anyone { json!([]) } else { json!([{ "bearer": [] }]) },
        "x-permission": operation.permission_text(),
        "x-idempotency": operation.idempotency.text(),
        "x-step-up": operation.needs_step_up,
        "x-audit": operation.audits,
        "x-body-bytes": description.body.as_ref().map(|_| operation.body_bytes),
    });
    if operation.deprecation.is_some() {
        told["deprecated"] = true.into();
    }
    if !operation.notes.is_empty() {
        told["description"] = operation.notes.into();
    }
    if let Some(body) = &description.body {
        let mut content = json!({ "schema": body.schema });
        if let Some(example) = operation.example.and_then(|it| serde_json::from_str::<Value>(it).ok()) {
            content["example"] = example;
        }
        told["requestBody"] = json!({ "required": body.required, "content": { body.media: content } });
    }
    told
}

fn parameters(operation: &Operation, description: &Description) -> Vec<Value> {
    let mut names = operation.path_names();
    let mut told: Vec<Value> = description.parameters.iter().map(|it| parameter(it, &mut names)).collect();
    if operation.idempotency != Idempotency::Ignored {
        told.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": operation.idempotency == Idempotency::Required,
            "description": "Names this call: the same key again is answered with the same answer, and nothing is done twice.",
            "schema": { "type": "string", "minLength": 1, "maxLength": crate::idempotency::KEY_BYTES, "pattern": "^[!-~]+$" },
        }));
    }
    told
}

fn parameter(it: &Parameter, names: &mut dyn Iterator<Item = &'static str>) -> Value {
    let (place, name) = match it.place {
        Place::Path => ("path", names.next().unwrap_or_default().to_owned()),
        Place::Query => ("query", it.name.clone()),
        Place::Header => ("header", it.name.clone()),
    };
    json!({ "name": name, "in": place, "required": it.place == Place::Path || it.required, "description": it.text, "schema": it.schema })
}

fn responses(operation: &Operation, description: &Description) -> Value {
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    for answer in &description.answers {
        told.insert(answer.status.to_string(), success(answer));
    }
    let mut by_status: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    for code in refusals(operation, description) {
        by_status.entry(code.http_status()).or_default().insert(code.slug());
    }
    for (status, slugs) in by_status {
        let slugs: Vec<&str> = slugs.into_iter().collect();
        told.entry(status.to_string()).or_insert_with(|| {
            json!({
                "description": format!("`{}`", slugs.join("`, `")),
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            })
        });
    }
    json!(told)
}

fn success(answer: &AnswerDescription) -> Value {
    let mut told = json!({ "description": answer.text });
    if let Some((media, schema)) = &answer.content {
        told["content"] = json!({ *media: { "schema": schema } });
        if *media == ANY_MEDIA {
            // Generators of clients that know no ranges read it as bytes.
            told["content"]["application/octet-stream"] = json!({ "schema": schema });
        }
    }
    let headers: Map<String, Value> = answer
        .headers
        .iter()
        .map(|(name, text)| ((*name).to_owned(), json!({ "description": text, "schema": { "type": "string" } })))
        .collect();
    if !headers.is_empty() {
        told["headers"] = headers.into();
    }
    told
}

/// What an operation may be refused with, by what it declares and reads.
fn refusals(operation: &Operation, description: &Description) -> Vec<Code> {
    let mut codes = vec![
        Code::RateLimited,
        Code::QueryInvalid,
        Code::HeaderInvalid,
        Code::HeadersTooLarge,
        Code::TargetTooLong,
        Code::Internal,
        Code::StoreUnavailable,
    ];
    if operation.access != Access::Anyone {
        codes.extend([Code::Unauthenticated, Code::TenantMismatch, Code::IdFormat, Code::PermissionDenied]);
    }
    if operation.needs_step_up {
        codes.push(Code::StepUpRequired);
    }
    if operation.path_names().next().is_some() {
        codes.extend([Code::NotFound, Code::IdFormat]);
    }
    if description.query_names().next().is_some() {
        codes.push(Code::FieldInvalid);
    }
    if let Some(body) = &description.body {
        codes.extend([Code::BodyTooLarge, Code::BodySlow, Code::BodyBroken, Code::MediaType, Code::FieldInvalid]);
        if body.media == "application/json" {
            codes.push(Code::JsonMalformed);
        }
        if body.media == "multipart/form-data" {
            codes.extend([Code::MediaType, Code::FieldInvalid, Code::FieldUnknown, Code::FieldMissing]);
        }
    }
    if description.query_names().next().is_some() {
        codes.push(Code::FieldInvalid);
    }
    if description.guards_revision {
        codes.extend([Code::PreconditionFailed, Code::PreconditionRequired]);
    }
    if operation.idempotency != Idempotency::Ignored {
        codes.extend([Code::IdempotencyReused, Code::IdempotencyInFlight, Code::IdempotencyInterrupted, Code::IdempotencyKey]);
    }
    codes.extend(operation.refusals);
    codes
}

/// The shape of every refusal (RFC 9457 and ours).
fn problem() -> Value {
    let slugs: Vec<&str> = Code::ALL.iter().map(|it| it.slug()).collect();
    let sources =
        [fedatario_base::code::Source::Caller, fedatario_base::code::Source::Authority, fedatario_base::code::Source::Installation];
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "source", "retryable", "outcome", "request_id"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "description": "Where the code is explained." },
            "title": { "type": "string", "description": "What happened, in the caller's language." },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "How to mend it, in the caller's language." },
            "code": { "type": "string", "enum": slugs, "description": "For programs; keeps its meaning for good." },
            "source": { "type": "string", "enum": sources.map(source_text), "description": "Whose fault it is." },
            "retryable": { "type": "boolean", "description": "Whether the same call may succeed later, unchanged." },
            "outcome": { "type": "string", "enum": ["none", "done", "uncertain"], "description": "What became of what was asked." },
            "request_id": { "type": "string", "description": "Names this request in logs and in the audit chain." },
            "errors": { "type": "array", "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": { "type": "string", "description": "RFC 6901 into the body; `?name` for the query." },
                    "code": { "type": "string", "enum": slugs },
                    "detail": { "type": "string" },
                },
            } },
        },
    })
}
