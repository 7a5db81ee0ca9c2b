//! SAT's codes and states as data: its own words, what they mean, who must act, what we do.
//!
//! One code means different things in different answers, so every question names its [`Operation`].
//! A code that is not in the table is kept and shown, and its reaction is [`Reaction::Unknown`]:
//! never success, never failure. Codes are compared, texts never (SAT writes `informacion` here and
//! `Inválido` there). Doing what the reaction says is left to the services.

use Operation::{Descargar, Folio, Solicita, Verifica, VerificaReason};

/// Which answer a code was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `CodEstatus` of SolicitaDescargaEmitidos and -Recibidos.
    Solicita,
    /// `CodEstatus` of SolicitaDescargaFolio.
    Folio,
    /// `CodEstatus` of VerificaSolicitudDescarga: was this call all right.
    Verifica,
    /// `CodigoEstadoSolicitud` of VerificaSolicitudDescarga: why the request ended as it did.
    VerificaReason,
    /// `CodEstatus` in the header of Descargar.
    Descargar,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 5] =
        [Operation::Solicita, Operation::Folio, Operation::Verifica, Operation::VerificaReason, Operation::Descargar];
}

/// Who can change what the code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// The taxpayer: certificate, what is asked for.
    Taxpayer,
    /// This program, or whoever runs it.
    Us,
    /// SAT; waiting is all that can be done.
    Sat,
    /// Nobody has to.
    Nobody,
}

impl Who {
    /// A permanent name.
    pub fn slug(self) -> &'static str {
        match self {
            Who::Taxpayer => "taxpayer",
            Who::Us => "us",
            Who::Sat => "sat",
            Who::Nobody => "nobody",
        }
    }
}

/// What the program does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// It was taken: go on.
    Accepted,
    /// There is nothing: final, and no error.
    Empty,
    /// Get a new token and try once more.
    Reauthenticate,
    /// The same would fail again: stop.
    Permanent,
    /// The certificate is of no use to SAT: stop using it. See [`TRIES_BEFORE_BLOCK`].
    BlockCredential,
    /// Wait, then the same again.
    RetryLater,
    /// Used up for life: ask for the window's next variant.
    NextVariant,
    /// Too much for one request: split the window.
    Split,
    /// The same is already under way: go on with that request.
    ReuseActive,
    /// Gone: make a new request for the window.
    AskAgain,
    /// It may have counted: replace it by a widened one, never repeat it.
    Uncertain,
    /// Not in the table: keep it, show it, ask again.
    Unknown,
}

/// How often a 305 is met, hours apart, before the certificate is blocked: SAT gives it in bad hours too.
pub const TRIES_BEFORE_BLOCK: u32 = 3;

/// What is known of a code in some answers.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeFact {
    /// The answers in which it means this.
    pub operations: &'static [Operation],
    /// The code.
    pub code: &'static str,
    /// SAT's own words; empty when none were ever published.
    pub words: &'static str,
    /// What it means, in Spanish.
    pub es: &'static str,
    /// What it means, in English.
    pub en: &'static str,
    /// Who must act.
    pub who: Who,
    /// What the program does.
    pub reaction: Reaction,
}

/// What is known of a code in one answer; `None` for one never seen there.
pub fn fact(operation: Operation, code: &str) -> Option<&'static CodeFact> {
    FACTS.iter().find(|it| it.code == code.trim() && it.operations.contains(&operation))
}

/// What to do about a code; [`Reaction::Unknown`] when it is not in the table.
pub fn reaction(operation: Operation, code: &str) -> Reaction {
    fact(operation, code).map_or(Reaction::Unknown, |it| it.reaction)
}

const CALLS: &[Operation] = &[Solicita, Folio, Verifica, Descargar];

/// Every code of SAT's documents and of the field.
pub const FACTS: &[CodeFact] = &[
    CodeFact {
        operations: CALLS,
        code: "300",
        words: "Usuario No Válido",
        es: "El SAT no reconoce la sesión: venció o no es válida. Se abre otra y se intenta una vez más.",
        en: "SAT does not recognise the session: it lapsed or is not valid. Another is opened and the call tried once more.",
        who: Who::Us,
        reaction: Reaction::Reauthenticate,
    },
    CodeFact {
        operations: CALLS,
        code: "301",
        words: "XML Mal Formado",
        es: "El SAT rechaza la petición por su contenido; su mensaje dice qué parte. Repetirla igual no sirve.",
        en: "SAT refuses the request for its content; its message says which part. Repeating it unchanged is of no use.",
        who: Who::Us,
        reaction: Reaction::Permanent,
    },
    CodeFact {
        operations: CALLS,
        code: "302",
        words: "Sello Mal Formado",
        es: "El SAT no acepta la forma de la firma. Pruebe la otra forma de firma en la configuración.",
        en: "SAT does not accept the form of the signature. Try the other signature form in the configuration.",
        who: Who::Us,
        reaction: Reaction::Permanent,
    },
    CodeFact {
        operations: CALLS,
        code: "303",
        words: "Sello no corresponde con RfcSolicitante",
        es: "La e.firma con que se firmó es de otro RFC que el de la solicitud.",
        en: "The e.firma that signed belongs to another RFC than the request's.",
        who: Who::Taxpayer,
        reaction: Reaction::Permanent,
    },
    CodeFact {
        operations: CALLS,
        code: "304",
        words: "Certificado Revocado o Caduco",
        es: "La e.firma fue revocada o ya venció. El contribuyente debe renovarla y cargar la nueva.",
        en: "The e.firma was revoked or has expired. The taxpayer must renew it and load the new one.",
        who: Who::Taxpayer,
        reaction: Reaction::BlockCredential,
    },
    CodeFact {
        operations: CALLS,
        code: "305",
        words: "Certificado Inválido",
        es: "El SAT no admite el certificado: es un CSD, es de prueba o está fuera de vigencia. A veces es una falla pasajera del SAT, por eso se intenta de nuevo antes de suspenderlo.",
        en: "SAT does not admit the certificate: it is a CSD, a test one or out of its validity. At times it is a passing trouble of SAT's, so it is tried again before the certificate is set aside.",
        who: Who::Taxpayer,
        reaction: Reaction::BlockCredential,
    },
    CodeFact {
        operations: &[Solicita, Folio],
        code: "404",
        words: "Error no controlado.",
        es: "El SAT falló sin decir si registró la solicitud. No se repite: se reemplaza por otra con un periodo un segundo mayor.",
        en: "SAT failed without saying whether it kept the request. It is not repeated: another, one second wider, replaces it.",
        who: Who::Sat,
        reaction: Reaction::Uncertain,
    },
    CodeFact {
        operations: &[Verifica],
        code: "404",
        words: "Error no controlado.",
        es: "El SAT falló al contestar. Se vuelve a preguntar más tarde.",
        en: "SAT failed while answering. It is asked again later.",
        who: Who::Sat,
        reaction: Reaction::RetryLater,
    },
    CodeFact {
        operations: &[VerificaReason],
        code: "404",
        words: "Error no controlado.",
        es: "El SAT falló al preparar la solicitud. Se hace una nueva.",
        en: "SAT failed to prepare the request. A new one is made.",
        who: Who::Us,
        reaction: Reaction::AskAgain,
    },
    CodeFact {
        operations: &[Solicita, Folio, Verifica, VerificaReason, Descargar],
        code: "5000",
        words: "Solicitud Aceptada",
        es: "El SAT aceptó.",
        en: "SAT accepted.",
        who: Who::Nobody,
        reaction: Reaction::Accepted,
    },
    CodeFact {
        operations: &[Solicita, Folio, VerificaReason],
        code: "5001",
        words: "Tercero no autorizado",
        es: "Se pidieron documentos de otro contribuyente sin autorización.",
        en: "Documents of another taxpayer were asked for without authorisation.",
        who: Who::Taxpayer,
        reaction: Reaction::Permanent,
    },
    CodeFact {
        operations: &[Solicita, VerificaReason],
        code: "5002",
        words: "Se han agotado las solicitudes de por vida",
        es: "El SAT ya no admite más solicitudes idénticas a esta, nunca. Se pide el mismo periodo empezando un segundo antes.",
        en: "SAT will never again admit a request identical to this one. The same period is asked for starting one second earlier.",
        who: Who::Us,
        reaction: Reaction::NextVariant,
    },
    CodeFact {
        operations: &[Folio],
        code: "5002",
        words: "Se han agotado las solicitudes de por vida",
        es: "El SAT ya no entrega más veces este folio. Pida el periodo que lo contiene.",
        en: "SAT will not deliver this folio again. Ask for the period that contains it.",
        who: Who::Taxpayer,
        reaction: Reaction::Permanent,
    },
    CodeFact {
        operations: &[Verifica, VerificaReason],
        code: "5003",
        words: "Tope máximo de elementos de la consulta",
        es: "El periodo tiene más documentos de los que caben en una solicitud. Se divide.",
        en: "The period has more documents than fit into one request. It is split.",
        who: Who::Us,
        reaction: Reaction::Split,
    },
    CodeFact {
        operations: &[VerificaReason],
        code: "5004",
        words: "No se encontro la informacion",
        es: "No hay documentos en el periodo. Es un resultado normal y definitivo.",
        en: "There are no documents in the period. It is a normal and final result.",
        who: Who::Nobody,
        reaction: Reaction::Empty,
    },
    CodeFact {
        operations: &[Folio],
        code: "5004",
        words: "No se encontro la informacion",
        es: "El SAT no tiene ese folio a nombre del solicitante.",
        en: "SAT has no such folio in the name of whoever asks.",
        who: Who::Nobody,
        reaction: Reaction::Empty,
    },
    CodeFact {
        operations: &[Verifica, Descargar],
        code: "5004",
        words: "No se encontro la informacion",
        es: "El SAT ya no conoce la solicitud o el paquete. Se hace una solicitud nueva.",
        en: "SAT no longer knows the request or the package. A new request is made.",
        who: Who::Us,
        reaction: Reaction::AskAgain,
    },
    CodeFact {
        operations: &[Solicita, VerificaReason],
        code: "5005",
        words: "Ya se tiene una solicitud registrada",
        es: "Hay una solicitud idéntica en curso que aquí no se conoce. Se pide el mismo periodo empezando un segundo antes.",
        en: "An identical request, not known here, is under way. The same period is asked for starting one second earlier.",
        who: Who::Us,
        reaction: Reaction::ReuseActive,
    },
    CodeFact {
        operations: &[Solicita, Folio],
        code: "5006",
        words: "Error interno en el proceso",
        es: "El SAT falló por dentro y no dice si la solicitud contó. No se repite: se reemplaza por otra con un periodo un segundo mayor.",
        en: "SAT failed inside and does not say whether the request counted. It is not repeated: another, one second wider, replaces it.",
        who: Who::Sat,
        reaction: Reaction::Uncertain,
    },
    CodeFact {
        operations: &[Verifica],
        code: "5006",
        words: "Error interno en el proceso",
        es: "El SAT falló por dentro. Se vuelve a preguntar más tarde.",
        en: "SAT failed inside. It is asked again later.",
        who: Who::Sat,
        reaction: Reaction::RetryLater,
    },
    CodeFact {
        operations: &[Descargar],
        code: "5007",
        words: "No existe el paquete solicitado",
        es: "El paquete ya no existe: el SAT los guarda 72 horas. Se hace una solicitud nueva.",
        en: "The package is gone: SAT keeps them for 72 hours. A new request is made.",
        who: Who::Us,
        reaction: Reaction::AskAgain,
    },
    CodeFact {
        operations: &[Descargar],
        code: "5008",
        words: "Maximo de descargas permitidas.",
        es: "El paquete ya se descargó las dos veces que el SAT permite. Se hace una solicitud nueva.",
        en: "The package was downloaded the two times that SAT allows. A new request is made.",
        who: Who::Us,
        reaction: Reaction::AskAgain,
    },
    CodeFact {
        operations: &[VerificaReason],
        code: "5010",
        words: "",
        es: "El SAT no ha publicado qué significa. Se ha visto en solicitudes terminadas con sus paquetes completos.",
        en: "SAT has not published what it means. It was seen on finished requests whose packages were complete.",
        who: Who::Nobody,
        reaction: Reaction::Unknown,
    },
    CodeFact {
        operations: &[Folio, Verifica, VerificaReason],
        code: "5011",
        words: "Límite de descargas por folio por día",
        es: "Se alcanzó el límite diario de descargas de ese folio. Se intenta mañana.",
        en: "The daily limit of downloads for that folio was reached. It is tried tomorrow.",
        who: Who::Nobody,
        reaction: Reaction::RetryLater,
    },
    CodeFact {
        operations: &[Folio],
        code: "5012",
        words: "No se permite la descarga de xml que se encuentren cancelados",
        es: "El SAT no entrega el XML de un documento cancelado. Quedan sus metadatos.",
        en: "SAT does not deliver the XML of a cancelled document. Its metadata remain.",
        who: Who::Nobody,
        reaction: Reaction::Permanent,
    },
];

/// Where a request stands, in SAT's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EstadoSolicitud {
    /// `0`, undocumented: the call itself failed; its code says why.
    Ninguno,
    /// `1`: in the queue, at times for days.
    Aceptada,
    /// `2`: being worked on.
    EnProceso,
    /// `3`: the packages are there.
    Terminada,
    /// `4`: failed on SAT's side.
    Error,
    /// `5`: refused, or simply empty; the reason says which.
    Rechazada,
    /// `6`: its packages are gone.
    Vencida,
    /// A number that SAT has not published.
    Unknown(i64),
}

impl EstadoSolicitud {
    /// Reads SAT's number; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse::<i64>().ok().map(Self::from)
    }

    /// SAT's number.
    pub fn number(self) -> i64 {
        match self {
            EstadoSolicitud::Ninguno => 0,
            EstadoSolicitud::Aceptada => 1,
            EstadoSolicitud::EnProceso => 2,
            EstadoSolicitud::Terminada => 3,
            EstadoSolicitud::Error => 4,
            EstadoSolicitud::Rechazada => 5,
            EstadoSolicitud::Vencida => 6,
            EstadoSolicitud::Unknown(number) => number,
        }
    }

    /// SAT's word, what it means in Spanish, and in English.
    pub fn words(self) -> [&'static str; 3] {
        match self {
            EstadoSolicitud::Ninguno => {
                ["", "El SAT no dio estado: la consulta misma falló.", "SAT gave no state: the call itself failed."]
            }
            EstadoSolicitud::Aceptada => ["Aceptada", "En la cola del SAT; puede durar días.", "In SAT's queue; it may take days."],
            EstadoSolicitud::EnProceso => ["En Proceso", "El SAT la está preparando.", "SAT is preparing it."],
            EstadoSolicitud::Terminada => ["Terminada", "Los paquetes están listos.", "The packages are ready."],
            EstadoSolicitud::Error => {
                ["Error", "El SAT falló al prepararla; se hace una nueva.", "SAT failed to prepare it; a new one is made."]
            }
            EstadoSolicitud::Rechazada => {
                ["Rechazada", "El SAT no la atendió; el motivo dice por qué.", "SAT did not serve it; the reason says why."]
            }
            EstadoSolicitud::Vencida => {
                ["Vencida", "Pasaron 72 horas y el SAT borró los paquetes.", "72 hours passed and SAT deleted the packages."]
            }
            EstadoSolicitud::Unknown(_) => ["", "Un estado que el SAT no ha publicado.", "A state that SAT has not published."],
        }
    }
}

impl From<i64> for EstadoSolicitud {
    fn from(number: i64) -> Self {
        match number {
            0 => EstadoSolicitud::Ninguno,
            1 => EstadoSolicitud::Aceptada,
            2 => EstadoSolicitud::EnProceso,
            3 => EstadoSolicitud::Terminada,
            4 => EstadoSolicitud::Error,
            5 => EstadoSolicitud::Rechazada,
            6 => EstadoSolicitud::Vencida,
            other => EstadoSolicitud::Unknown(other),
        }
    }
}

/// What an answer of VerificaSolicitudDescarga comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nothing yet: ask again.
    Pending,
    /// Its packages can be fetched.
    Ready,
    /// There is nothing in the window: final.
    Empty,
    /// Too much for one request.
    TooLarge,
    /// Its packages are gone.
    Expired,
    /// SAT failed to prepare it.
    Failed,
    /// Refused, with what to do about it; never [`Reaction::Accepted`].
    Rejected(Reaction),
    /// The call failed and says nothing about the request; never [`Reaction::Accepted`].
    CallFailed(Reaction),
    /// An answer nobody has explained: pending, and to be shown.
    Unexplained,
}

/// Decides by `CodEstatus`, then the state, then the reason. A finished request with a package goes
/// on whatever its reason; the number of documents decides nothing, because SAT miscounts.
pub fn standing(cod_estatus: &str, estado: Option<EstadoSolicitud>, reason: Option<&str>, packages: usize) -> Standing {
    match reaction(Operation::Verifica, cod_estatus) {
        Reaction::Accepted => {}
        Reaction::Unknown => return Standing::Unexplained,
        // As the code of the call it is the reason of the request, in one answer instead of two.
        Reaction::Split => return Standing::TooLarge,
        other => return Standing::CallFailed(other),
    }
    let reason = reason.map_or(Reaction::Unknown, |it| reaction(Operation::VerificaReason, it));
    match estado {
        Some(EstadoSolicitud::Aceptada | EstadoSolicitud::EnProceso) => Standing::Pending,
        Some(EstadoSolicitud::Terminada) if packages > 0 => Standing::Ready,
        Some(EstadoSolicitud::Terminada) if reason == Reaction::Empty => Standing::Empty,
        Some(EstadoSolicitud::Error) => Standing::Failed,
        Some(EstadoSolicitud::Vencida) => Standing::Expired,
        Some(EstadoSolicitud::Rechazada) => refused(reason),
        Some(EstadoSolicitud::Terminada | EstadoSolicitud::Ninguno | EstadoSolicitud::Unknown(_)) | None => Standing::Unexplained,
    }
}

fn refused(reason: Reaction) -> Standing {
    match reason {
        Reaction::Empty => Standing::Empty,
        Reaction::Split => Standing::TooLarge,
        Reaction::Accepted => Standing::Rejected(Reaction::Unknown),
        other => Standing::Rejected(other),
    }
}
