//! `cfdi …`: single documents, without folder or account.

use super::pipe;
use crate::cli::Cfdi;
use crate::failure::Failure;
use crate::present::Screen;
use fedatario_base::code::Exit;
use fedatario_fiscal::mx::cfdi::read_cfdi;
use fedatario_fiscal::mx::tree::MAX_DOCUMENT_BYTES;

/// Runs one of the commands.
pub fn run(command: Cfdi, _: &Screen) -> Result<Exit, Failure> {
    match command {
        Cfdi::Json { file } => {
            let mut json = read_cfdi(&pipe::read(&file, MAX_DOCUMENT_BYTES)?)?.json;
            json.push('\n');
            pipe::write(json.as_bytes())?;
            Ok(Exit::Good)
        }
    }
}
