//! The services as the operations reach them.

use crate::cursor::CursorKey;
use crate::denials::Denials;
use crate::limits::Limiter;
use crate::lines::Lines;
use crate::settings::Settings;
use fedatario_app::App;
use fedatario_app::called::Origins;
use fedatario_app::identity::Identity;
use fedatario_app::identity::door::Door;
use fedatario_app::identity::people::People;
use fedatario_app::replay::Replays;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the binary hands over: the services, and what the edge needs of its own.
pub struct Parts {
    /// The services.
    pub app: App,
    /// The services of people and organisations.
    pub people: People,
    /// Who lets in.
    pub door: Arc<dyn Door>,
    /// Who people are; as a rule the door itself.
    pub identity: Arc<Identity>,
    /// Keeps the answers of calls that name themselves.
    pub replays: Arc<dyn Replays>,
    /// Signs the cursors of pages.
    pub cursors: CursorKey,
    /// Bounds and addresses.
    pub settings: Settings,
    /// What the lines of work need beyond the services.
    pub lines: Lines,
}

/// The services, shared by every call. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

/// What lies behind an [`Api`].
pub struct Inner {
    /// What the binary handed over.
    pub parts: Parts,
    /// Who may ask how much more.
    pub limiter: Limiter,
    /// Addresses, sealed for the entries that name them.
    pub origins: Origins,
    /// Who was turned away without being known.
    pub denials: Denials,
    leaving: AtomicBool,
}

impl Api {
    /// The services, ready to be called.
    pub fn new(parts: Parts) -> Self {
        let limiter = Limiter::new(parts.settings.limits);
        Self(Arc::new(Inner {
            parts,
            limiter,
            origins: Origins::default(),
            denials: Denials::default(),
            leaving: AtomicBool::new(false),
        }))
    }

    /// From now on `/readyz` refuses, so that nobody sends more: this process is on its way out.
    pub fn leave(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether this process is on its way out.
    pub fn is_leaving(&self) -> bool {
        self.0.leaving.load(Ordering::Relaxed)
    }

    /// Addresses, sealed for the entries that name them.
    pub fn origins(&self) -> &Origins {
        &self.0.origins
    }

    /// Who was turned away without being known.
    pub fn denials(&self) -> &Denials {
        &self.0.denials
    }

    /// Who may ask how much more.
    pub fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}
