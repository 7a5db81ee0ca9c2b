//! Documents that answer a question, batch by batch, in one consistent view.

use super::question::Question;
use crate::App;
use crate::error::AppResult;
use crate::model::{DocumentKey, FoundDocument, Taxpayer};
use crate::ports::Tx;
use fedatario_base::Scope;
use fedatario_base::id::TaxpayerId;
use fedatario_fiscal::mx::accounts::Accounts;
use std::collections::{HashMap, VecDeque};

/// Keys read at once. Each reading sorts the month that it stands in, so few and large ones are
/// faster; 20,000 keys take about two megabytes.
const KEYS_AT_ONCE: u32 = 20_000;
/// Documents in one batch, with their bodies: a few megabytes.
pub const BATCH: usize = 500;

/// A document with its amounts, where they could be read.
#[derive(Debug, Clone)]
pub struct Read {
    /// The document.
    pub found: FoundDocument,
    /// Its amounts; none if its JSON nests deeper than anybody reads, or nobody asked for them.
    pub accounts: Option<Accounts>,
}

impl Read {
    /// Reads the amounts of a document.
    pub fn new(found: FoundDocument) -> Self {
        let accounts = Accounts::read(&found.row.json).ok();
        Self { found, accounts }
    }

    /// Its place in the order.
    pub fn key(&self) -> DocumentKey {
        DocumentKey { date: self.found.row.date.clone(), uuid: self.found.row.uuid.clone() }
    }
}

/// The documents that answer a question, from a place on.
pub struct Walk {
    tx: Box<dyn Tx>,
    taxpayer: TaxpayerId,
    question: Question,
    keys: VecDeque<DocumentKey>,
    after: Option<DocumentKey>,
    at_once: u32,
    ended: bool,
    amounts: bool,
}

impl Walk {
    /// Begins; `at_most` is how many are wanted, if that is known.
    pub async fn begin(
        app: &App,
        scope: &Scope,
        taxpayer: &Taxpayer,
        question: Question,
        after: Option<DocumentKey>,
        at_most: Option<u32>,
    ) -> AppResult<Self> {
        let tx = app.store.read(scope).await?;
        // Words are only found by reading on.
        let at_once = if question.words.is_empty() { at_most.unwrap_or(KEYS_AT_ONCE).clamp(1, KEYS_AT_ONCE) } else { KEYS_AT_ONCE };
        Ok(Self { tx, taxpayer: taxpayer.id, question, keys: VecDeque::new(), after, at_once, ended: false, amounts: true })
    }

    /// The same without amounts, for who only wants what is stored; words need them all the same.
    pub fn without_amounts(mut self) -> Self {
        self.amounts = !self.question.words.is_empty();
        self
    }

    /// The next batch, in order; it may be empty where words left nothing. `None` at the end.
    pub async fn next(&mut self) -> AppResult<Option<Vec<Read>>> {
        if self.keys.is_empty() && !self.ended {
            self.more_keys().await?;
        }
        if self.keys.is_empty() {
            return Ok(None);
        }
        let keys: Vec<DocumentKey> = self.keys.drain(..self.keys.len().min(BATCH)).collect();
        let uuids: Vec<&str> = keys.iter().map(|it| it.uuid.as_str()).collect();
        let found = self.tx.documents_named(self.taxpayer, &uuids).await?;
        let mut found: HashMap<String, FoundDocument> = found.into_iter().map(|it| (it.row.uuid.clone(), it)).collect();
        let in_order = keys.iter().filter_map(|it| found.remove(&it.uuid));
        let amounts = self.amounts;
        let in_order = in_order.map(|it| if amounts { Read::new(it) } else { Read { found: it, accounts: None } });
        let words = &self.question.words;
        let answers = |it: &Read| words.are_in(&it.found, it.accounts.as_ref().unwrap_or(&Accounts::default()));
        Ok(Some(in_order.filter(answers).collect()))
    }

    async fn more_keys(&mut self) -> AppResult<()> {
        let keys = self.tx.document_keys(self.taxpayer, &self.question.filter, self.after.as_ref(), self.at_once).await?;
        self.ended = (keys.len() as u64) < u64::from(self.at_once);
        self.after = keys.last().cloned();
        self.keys = keys.into();
        Ok(())
    }

    /// The view that it reads in, for what belongs to the same answer.
    pub fn tx(&mut self) -> &mut dyn Tx {
        self.tx.as_mut()
    }
}

/// One page of an answer.
#[derive(Debug)]
pub struct Page {
    /// The documents, in order.
    pub documents: Vec<Read>,
    /// Where the next page begins, if there is more.
    pub next: Option<DocumentKey>,
}

/// At most `limit` documents that answer a question, after a place.
pub async fn page(
    app: &App,
    scope: &Scope,
    taxpayer: &Taxpayer,
    question: Question,
    after: Option<DocumentKey>,
    limit: u32,
) -> AppResult<Page> {
    let wanted = limit as usize;
    let mut walk = Walk::begin(app, scope, taxpayer, question, after, Some(limit.saturating_add(1))).await?;
    let mut documents = Vec::new();
    while documents.len() <= wanted {
        let Some(batch) = walk.next().await? else { break };
        documents.extend(batch);
    }
    let more = documents.len() > wanted;
    documents.truncate(wanted);
    let next = more.then(|| documents.last().map(Read::key)).flatten();
    Ok(Page { documents, next })
}
