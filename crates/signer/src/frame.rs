//! One question or answer on the wire: a head in JSON and parts as they are, each behind its length.
//!
//! `head length (4, big-endian) ‖ parts (2) ‖ length of each (4) ‖ head ‖ parts`. All lengths are known
//! before anything is held, and what is held is wiped when it is dropped.

use std::io::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

/// Most bytes of a head: names, ids and permissions of one question.
pub const MAX_HEAD_BYTES: usize = 256 * 1024;
/// Most parts: three for each credential of the largest backup.
pub const MAX_PARTS: usize = 6_000;
/// Most bytes of all parts: a document, or a backup with what became of it.
pub const MAX_PART_BYTES: usize = 40 * 1024 * 1024;

/// One question or answer.
pub struct Frame {
    /// What it is about, as JSON.
    pub head: Zeroizing<Vec<u8>>,
    /// Documents, files, passwords.
    pub parts: Vec<Zeroizing<Vec<u8>>>,
}

impl Frame {
    /// Sends it.
    pub async fn send(&self, to: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
        let bytes: usize = self.parts.iter().map(|it| it.len()).sum();
        if self.head.len() > MAX_HEAD_BYTES || self.parts.len() > MAX_PARTS || bytes > MAX_PART_BYTES {
            return Err(Error::new(ErrorKind::InvalidInput, "more than one frame holds"));
        }
        let mut lengths = Vec::with_capacity(6 + 4 * self.parts.len());
        lengths.extend_from_slice(&(self.head.len() as u32).to_be_bytes());
        lengths.extend_from_slice(&(self.parts.len() as u16).to_be_bytes());
        self.parts.iter().for_each(|it| lengths.extend_from_slice(&(it.len() as u32).to_be_bytes()));
        to.write_all(&lengths).await?;
        to.write_all(&self.head).await?;
        for part in &self.parts {
            to.write_all(part).await?;
        }
        to.flush().await
    }

    /// Receives one; none if the other side ended before its first byte.
    pub async fn receive(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Self>> {
        let Some(first) = first_byte(from).await? else { return Ok(None) };
        Self::behind(first, from).await.map(Some)
    }

    /// The rest of one whose first byte is there.
    pub async fn behind(first: u8, from: &mut (impl AsyncRead + Unpin)) -> Result<Self> {
        let mut lengths = [first, 0, 0, 0, 0, 0];
        from.read_exact(&mut lengths[1..]).await?;
        let [a, b, c, d, e, f] = lengths;
        let (head, parts) = (u32::from_be_bytes([a, b, c, d]) as usize, usize::from(u16::from_be_bytes([e, f])));
        if head > MAX_HEAD_BYTES || parts > MAX_PARTS {
            return Err(Error::new(ErrorKind::InvalidData, "more than one frame holds"));
        }
        let mut sizes = Vec::with_capacity(parts);
        for _ in 0..parts {
            sizes.push(from.read_u32().await? as usize);
        }
        if sizes.iter().sum::<usize>() > MAX_PART_BYTES {
            return Err(Error::new(ErrorKind::InvalidData, "more than one frame holds"));
        }
        let head = read(from, head).await?;
        let mut parts = Vec::with_capacity(sizes.len());
        for size in sizes {
            parts.push(read(from, size).await?);
        }
        Ok(Self { head, parts })
    }
}

/// The first byte of a frame, however long it takes to come; none if the other side ended.
pub async fn first_byte(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<u8>> {
    match from.read_u8().await {
        Ok(byte) => Ok(Some(byte)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

async fn read(from: &mut (impl AsyncRead + Unpin), bytes: usize) -> Result<Zeroizing<Vec<u8>>> {
    let mut held = Zeroizing::new(vec![0; bytes]);
    from.read_exact(&mut held).await?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedatario_testkit::covers;

    #[tokio::test]
    async fn frames_arrive_as_they_were_sent_and_no_stranger_makes_us_hold_more() {
        let parts: Vec<_> = [b"".as_slice(), b"\0\xff", &[7; 100_000]].iter().map(|it| Zeroizing::new(it.to_vec())).collect();
        let frame = Frame { head: Zeroizing::new(b"{}".to_vec()), parts };
        let mut sent = Vec::new();
        frame.send(&mut sent).await.unwrap();
        let got = Frame::receive(&mut sent.as_slice()).await.unwrap().unwrap();
        assert_eq!((&*got.head, got.parts.len(), &*got.parts[2]), (&*frame.head, 3, &*frame.parts[2]));
        assert!(Frame::receive(&mut [].as_slice()).await.unwrap().is_none());
        for cut in 1..sent.len().min(200) {
            assert!(Frame::receive(&mut &sent[..cut]).await.is_err(), "cut at {cut}");
        }
        let too_much: [&[u8]; 3] = [&[255; 6], &[0, 0, 0, 1, 255, 255], &[0, 0, 0, 0, 0, 1, 255, 255, 255, 255]];
        for bytes in too_much {
            assert_eq!(Frame::receive(&mut &*bytes).await.err().map(|it| it.kind()), Some(ErrorKind::InvalidData));
        }
        let large = Frame { head: Zeroizing::default(), parts: vec![Zeroizing::new(vec![0; MAX_PART_BYTES + 1])] };
        assert_eq!(large.send(&mut Vec::new()).await.err().map(|it| it.kind()), Some(ErrorKind::InvalidInput));
        covers!("signer: frames are bounded before anything is held, and a cut one is none");
    }
}
