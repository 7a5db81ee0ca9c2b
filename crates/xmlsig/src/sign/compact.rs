//! A document without the white space between its elements, as DGII reads and signs it.

use crate::document::{Content, Document};

/// The source without text that is only white space. Text written by references is kept.
pub(crate) fn compact(document: &Document) -> String {
    let source = document.source();
    let mut out = String::with_capacity(source.len());
    let mut from = 0;
    for node in document.document_node().descendants() {
        let Content::Text(_) = node.content() else { continue };
        let range = node.range();
        if source[range.clone()].bytes().all(|it| matches!(it, b' ' | b'\t' | b'\n' | b'\r')) {
            out.push_str(&source[from..range.start]);
            from = range.end;
        }
    }
    out.push_str(&source[from..]);
    out
}
