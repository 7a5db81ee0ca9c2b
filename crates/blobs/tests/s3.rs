//! What only a bucket can get wrong: addresses, keys, servers that refuse, lie or go away.

mod support;

use fedatario_app::ports::{BlobError, Blobs};
use fedatario_base::Code;
use fedatario_blobs::{S3, S3Config, S3ConfigError, S3Keys, Sse};
use fedatario_testkit::{FakeClock, covers};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;
use support::{agreeable, answer, at, breaking, bucket, clock, error, keys, place, stub};

/// More than two parts of an upload.
const LARGE_BYTES: usize = 20_000_000;

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|it| (it * 31 % 251) as u8 ^ (it >> 16) as u8).collect()
}

#[test]
fn addresses_are_read_or_refused() {
    let aws = S3Config::parse("s3://bucket?region=mx-central-1").unwrap();
    assert_eq!((aws.endpoint, aws.path_style, aws.prefix.as_str(), aws.sse), (None, false, "", None));
    let own = "s3://bucket/a/b/?endpoint=https://s3.example.mx:9000/&sse=aws:kms&kms_key=arn:aws:kms:mx:1:key/2";
    let own = S3Config::parse(own).unwrap();
    assert_eq!(own.endpoint.as_deref(), Some("https://s3.example.mx:9000"));
    assert_eq!((own.path_style, own.region.as_str(), own.prefix.as_str()), (true, "us-east-1", "a/b"));
    assert_eq!(own.sse, Some(Sse::Kms(Some("arn:aws:kms:mx:1:key/2".into()))));
    assert_eq!(own.address("c/d"), "s3://bucket/a/b/c/d");
    for host in ["127.0.0.1:9000", "127.8.8.8", "localhost:1", "[::1]:9000"] {
        assert!(S3Config::parse(&format!("s3://bucket?endpoint=http://{host}")).is_ok(), "{host}");
    }
    assert!(S3Config::parse("s3://bucket?endpoint=http://minio:9000&allow_http=true").is_ok());
    let refused = [
        ("", S3ConfigError::Form),
        ("bucket", S3ConfigError::Form),
        ("https://bucket?region=a", S3ConfigError::Form),
        ("s3://?region=a", S3ConfigError::Form),
        ("s3://Bucket_?region=a", S3ConfigError::Form),
        ("s3://bucket:80?region=a", S3ConfigError::Form),
        ("s3://bucket/a%20b?region=a", S3ConfigError::Form),
        ("s3://bucket/.tmp?region=a", S3ConfigError::Form),
        ("s3://bucket/a?region=a#b", S3ConfigError::Form),
        ("s3://id:secret@bucket?region=a", S3ConfigError::KeysInAddress),
        ("s3://bucket?endpoint=https://id:secret@host", S3ConfigError::KeysInAddress),
        ("s3://bucket", S3ConfigError::Region),
        ("s3://bucket?region=", S3ConfigError::Value("region")),
        ("s3://bucket?region=a&region=b", S3ConfigError::Parameter("region".into())),
        ("s3://bucket?region=a&see=AES256", S3ConfigError::Parameter("see".into())),
        ("s3://bucket?region=a&sse=aes", S3ConfigError::Value("sse")),
        ("s3://bucket?region=a&sse=AES256&kms_key=k", S3ConfigError::Value("kms_key")),
        ("s3://bucket?region=a&kms_key=k", S3ConfigError::Value("kms_key")),
        ("s3://bucket?region=a&path_style=yes", S3ConfigError::Value("path_style")),
        ("s3://bucket?endpoint=ftp://host", S3ConfigError::Value("endpoint")),
        ("s3://bucket?endpoint=https://host/path", S3ConfigError::Value("endpoint")),
        ("s3://bucket?endpoint=http://10.0.0.1", S3ConfigError::InsecureHttp),
        ("s3://bucket?endpoint=http://localhost.example", S3ConfigError::InsecureHttp),
        ("s3://bucket?endpoint=http://minio:9000&allow_http=false", S3ConfigError::InsecureHttp),
    ];
    for (text, expected) in refused {
        let refused = S3Config::parse(text).unwrap_err();
        assert_eq!((refused.code(), &refused), (Code::ConfigInvalid, &expected), "{text}");
        assert!(!refused.to_string().contains("secret@"), "{refused}");
    }
    covers!("blobs: an address of a bucket that is not understood, or would send in the clear, is refused");
}

#[tokio::test]
async fn every_write_asks_for_encryption() {
    let cases: [(&str, &[&str]); 3] = [
        ("", &[]),
        ("&sse=AES256", &["x-amz-server-side-encryption: AES256"]),
        (
            "&sse=aws:kms&kms_key=k-1",
            &["x-amz-server-side-encryption: aws:kms", "x-amz-server-side-encryption-aws-kms-key-id: k-1"],
        ),
    ];
    for (parameters, expected) in cases {
        let (host, log) = stub(agreeable).await;
        let store = at(&host, parameters);
        store.put("small", b"sealed").await.unwrap();
        let mut slot = store.slot("packages", Box::new(str::to_owned), u64::MAX).await.unwrap();
        slot.write(&pattern(LARGE_BYTES)).await.unwrap();
        slot.keep().await.unwrap();
        let log = log.lock().unwrap().clone();
        let begins = |it: &&support::Seen| {
            it.line.starts_with("PUT /bucket/prefix/small")
                || it.line.starts_with("POST") && it.line.contains("uploads")
                || it.headers.iter().any(|it| it.starts_with("x-amz-copy-source: "))
        };
        let writes: Vec<_> = log.iter().filter(begins).collect();
        assert_eq!(writes.len(), 3, "an object, an upload, a copy: {writes:?}");
        for write in writes {
            let asked: Vec<_> = write.headers.iter().filter(|it| it.starts_with("x-amz-server-side")).collect();
            assert_eq!(asked.len(), expected.len(), "{write:?}");
            assert!(expected.iter().all(|it| write.has(it)), "{asked:?}");
        }
        let signed = |it: &support::Seen| it.headers.iter().any(|it| it.starts_with("authorization: AWS4-HMAC-SHA256"));
        assert!(log.iter().all(signed), "every request is signed");
        assert!(!log.iter().any(|it| it.has("x-amz-content-sha256: UNSIGNED-PAYLOAD")), "and its body with it");
    }
    covers!("blobs: SSE-S3 and SSE-KMS headers go out with every object, upload and copy");
}

#[tokio::test]
async fn the_server_encrypts_and_gives_back() {
    let (mut config, keys) = place("sse");
    config.sse = Some(Sse::S3);
    let endpoint = config.endpoint.clone().unwrap();
    let encrypted = S3::new(config.clone(), &keys, clock()).unwrap();
    let bytes = pattern(LARGE_BYTES);
    let mut slot = encrypted.slot("packages", Box::new(str::to_owned), u64::MAX).await.unwrap();
    slot.write(&bytes).await.unwrap();
    let kept = slot.keep().await.unwrap();
    encrypted.put("small", b"sealed").await.unwrap();
    assert_eq!(encrypted.get(&kept.path, u64::MAX).await.unwrap(), bytes, "{endpoint}");
    assert_eq!(encrypted.get("small", 6).await.unwrap(), b"sealed");
    covers!("blobs: a real server encrypts what it is given and gives it back");
}

#[tokio::test]
async fn a_large_stream_is_there_whole_or_not_at_all() {
    let store = bucket("large");
    let bytes = pattern(LARGE_BYTES);
    let slot = || store.slot("packages", Box::new(|it: &str| format!("{it}.zip")), u64::MAX);
    let mut one = slot().await.unwrap();
    for chunk in bytes.chunks(1_000_003) {
        one.write(chunk).await.unwrap();
    }
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new(), "nothing is seen on its way");
    let kept = one.keep().await.unwrap();
    assert_eq!(store.list("").await.unwrap(), std::slice::from_ref(&kept.path));
    assert_eq!(store.get(&kept.path, u64::MAX).await.unwrap(), bytes);
    let mut again = slot().await.unwrap();
    again.write(&bytes).await.unwrap();
    assert_eq!(again.keep().await.unwrap(), kept);
    store.put(&kept.path, &bytes[..1_000]).await.unwrap();
    let mut healed = slot().await.unwrap();
    healed.write(&bytes).await.unwrap();
    assert_eq!(healed.keep().await.unwrap(), kept);
    assert_eq!(store.get(&kept.path, u64::MAX).await.unwrap(), bytes, "a truncated object under a whole one's name is replaced");
    covers!("blobs: a package of several parts is seen whole under its digest or not at all; a truncated one is replaced");
}

#[tokio::test]
async fn seeks_give_the_same_bytes_as_a_file() {
    let store = bucket("seeks");
    let bytes = pattern(LARGE_BYTES);
    let mut slot = store.slot("packages", Box::new(str::to_owned), u64::MAX).await.unwrap();
    slot.write(&bytes).await.unwrap();
    let mut object = store.open(&slot.keep().await.unwrap().path).await.unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let size = bytes.len() as u64;
        // The end first, then all over, as an archive is read; across the borders of blocks too.
        for (at, count) in
            [(size - 22, 22), (size - 5_000_000, 5_000_000), (0, 30), (4_194_300, 10), (8_388_607, 2), (100, 9_000_000)]
        {
            let mut found = vec![0; count];
            object.seek(SeekFrom::Start(at)).unwrap();
            object.read_exact(&mut found).unwrap();
            assert!(found == bytes[at as usize..][..count], "{count} bytes at {at}");
        }
        assert_eq!(object.seek(SeekFrom::End(7)).unwrap(), size + 7);
        assert_eq!(object.read(&mut [0; 9]).unwrap(), 0, "behind the end is nothing");
        assert_eq!(object.seek(SeekFrom::Current(-(size as i64) - 8)).unwrap_err().kind(), ErrorKind::InvalidInput);
        object.rewind().unwrap();
        let mut all = Vec::new();
        object.read_to_end(&mut all).unwrap();
        assert!(all == bytes);
    });
    read.await.unwrap();
    covers!("blobs: an object is read with seeks by ranges, the same bytes as a file");
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_read_is_noticed() {
    let store = bucket("changes");
    store.put("object", &pattern(LARGE_BYTES)).await.unwrap();
    let mut object = store.open("object").await.unwrap();
    store.put("object", &vec![7; LARGE_BYTES]).await.unwrap();
    let read = tokio::task::spawn_blocking(move || object.read(&mut [0; 9]));
    let refused = read.await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotConnected, "{refused}");
    assert!(refused.to_string().contains("replaced meanwhile"), "{refused}");
    covers!("blobs: nobody reads half of one version and half of another");
}

#[tokio::test]
async fn a_server_that_goes_away_in_an_upload_leaves_nothing() {
    let (through, directly) = breaking(LARGE_BYTES / 2).await;
    let mut slot = through.slot("packages", Box::new(str::to_owned), u64::MAX).await.unwrap();
    let written = slot.write(&pattern(LARGE_BYTES)).await;
    let ended = match written {
        Ok(()) => slot.keep().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(matches!(ended, Err(BlobError::Unavailable(_))), "{ended:?}");
    assert_eq!(directly.list("").await.unwrap(), Vec::<String>::new());
    let gone = through.get("packages/x", 9).await.unwrap_err();
    assert_eq!((gone.code(), gone.to_string().contains("cannot be reached")), (Code::BlobUnavailable, true), "{gone}");
    covers!("blobs: a server that goes away in the middle of an upload leaves nothing to see");
}

#[tokio::test]
async fn a_dropped_upload_is_aborted() {
    let (aborted, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (host, log) = stub(move |seen| {
        if seen.line.starts_with("DELETE") {
            let _ = aborted.send(seen.line.clone());
        }
        agreeable(seen)
    })
    .await;
    let mut slot = at(&host, "").slot("packages", Box::new(str::to_owned), u64::MAX).await.unwrap();
    slot.write(&pattern(LARGE_BYTES)).await.unwrap();
    drop(slot);
    let line = told.recv().await.unwrap();
    assert!(line.starts_with("DELETE /bucket/prefix/.tmp/") && line.contains("uploadId=u1"), "{line}");
    assert!(!log.lock().unwrap().iter().any(|it| it.line.contains("/packages/")), "its name was never used");
    covers!("blobs: an upload that is dropped is aborted at the server");
}

#[tokio::test]
async fn what_the_dead_have_left_is_collected_a_day_later() {
    let (removed, mut told) = tokio::sync::mpsc::unbounded_channel();
    let object = |name: &str, modified: &str| {
        format!("<Contents><Key>prefix/.tmp/{name}</Key><LastModified>{modified}</LastModified><Size>1</Size></Contents>")
    };
    // The living one comes first, so that it would be gone before the other.
    let listed = object("living", "2026-11-20T12:00:01.000Z") + &object("dead", "2026-11-20T11:59:59.000Z");
    let listed = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>");
    let (host, _) = stub(move |seen| {
        if seen.line.starts_with("DELETE") && !seen.line.contains("uploadId") {
            let _ = removed.send(seen.line.clone());
        }
        if seen.line.contains("list-type") { answer(200, &[], &listed) } else { agreeable(seen) }
    })
    .await;
    let config = S3Config::parse(&format!("s3://bucket/prefix?endpoint=http://{host}")).unwrap();
    let store = S3::new(config, &keys(), Arc::new(FakeClock::at("2026-11-21T12:00:00Z"))).unwrap();
    let mut slot = store.slot("packages", Box::new(str::to_owned), u64::MAX).await.unwrap();
    slot.write(&pattern(LARGE_BYTES)).await.unwrap();
    assert_eq!(told.recv().await.unwrap(), "DELETE /bucket/prefix/.tmp/dead");
    covers!("blobs: what a killed writer left in a bucket is collected a day later, that of living ones is not");
}

#[tokio::test]
async fn refusals_are_told_from_absence_and_from_outage() {
    let cases = [
        (403, "AccessDenied", Code::BlobRefused),
        (403, "InvalidAccessKeyId", Code::BlobRefused),
        (403, "SignatureDoesNotMatch", Code::BlobRefused),
        (403, "RequestTimeTooSkewed", Code::BlobRefused),
        (404, "NoSuchBucket", Code::BlobRefused),
        (400, "ExpiredToken", Code::BlobRefused),
        (400, "KMS.NotFoundException", Code::BlobRefused),
        (301, "PermanentRedirect", Code::BlobRefused),
        (404, "NoSuchKey", Code::NotFound),
        (409, "OperationAborted", Code::BlobUnavailable),
    ];
    for (status, code, expected) in cases {
        let (host, _) = stub(move |_| answer(status, &[], &error(code))).await;
        let store = at(&host, "");
        let refused = store.get("a/b", 9).await.unwrap_err();
        assert_eq!(refused.code(), expected, "{status} {code}: {refused}");
        // Of a redirect the client tells no body, and of an absent object nothing is told.
        assert!(refused.to_string().contains(code) || status == 301 || expected == Code::NotFound, "{refused}");
        assert!(!format!("{refused} {refused:?}").contains("the-key-itself"), "{refused:?}");
        // What is written or listed is never merely absent.
        for refused in [store.put("a/b", b"x").await.unwrap_err(), store.list("a/").await.unwrap_err()] {
            let expected = if expected == Code::NotFound { Code::BlobRefused } else { expected };
            assert_eq!(refused.code(), expected, "{status} {code}: {refused}");
        }
    }
    covers!("blobs: a refusal (key, right, clock, region, bucket) is told from an absent object and from an outage");
}

#[tokio::test]
async fn a_real_server_refuses_the_wrong_key_and_the_wrong_bucket() {
    let (config, good) = place("refused");
    let wrong_key = S3Keys { secret_access_key: fedatario_base::Secret::new("another"), ..support::server().1 };
    let wrong_bucket = S3Config { bucket: "no-such-bucket".into(), ..config.clone() };
    for (config, keys) in [(config, &wrong_key), (wrong_bucket, &good)] {
        let store = S3::new(config, keys, clock()).unwrap();
        assert_eq!(store.get("a", 9).await.unwrap_err().code(), Code::BlobRefused);
        assert_eq!(store.open("a").await.err().unwrap().code(), Code::BlobRefused);
        assert_eq!(store.list("").await.unwrap_err().code(), Code::BlobRefused);
    }
    covers!("blobs: a real server's refusal of a key or a bucket is not an absent object");
}

#[tokio::test]
async fn nonsense_for_an_answer_is_an_outage() {
    let page = "<html><body>502</body></html>";
    let short = [("Content-Range", "bytes 0-2/20000000"), ("ETag", "\"1\""), ("Last-Modified", "Sat, 21 Nov 2026 12:00:00 GMT")];
    let (host, _) = stub(move |seen| match seen.line.split(' ').next() {
        Some("HEAD") => answer(200, &[("Content-Length", "20000000"), short[1], short[2]], ""),
        _ if seen.line.contains("list-type") => answer(200, &[], "<ListBucketResult><Contents>"),
        _ if seen.headers.iter().any(|it| it.starts_with("range: ")) => answer(206, &short, "abc"),
        _ => answer(404, &[], page),
    })
    .await;
    let store = at(&host, "");
    assert_eq!(store.list("a/").await.unwrap_err().code(), Code::BlobUnavailable);
    assert_eq!(store.get("a", 9).await.unwrap_err().code(), Code::BlobUnavailable, "a 404 that is not the server's");
    let mut object = store.open("a").await.unwrap();
    let read = tokio::task::spawn_blocking(move || object.read(&mut [0; 9])).await.unwrap();
    assert_eq!(read.unwrap_err().kind(), ErrorKind::NotConnected, "a range that is too short is no end of the object");
    covers!("blobs: an answer that makes no sense is an outage, never the end of an object");
}

#[test]
fn keys_are_in_no_debug_text() {
    let config = S3Config::parse("s3://bucket?endpoint=http://127.0.0.1:1").unwrap();
    let keys = S3Keys { session_token: Some(fedatario_base::Secret::new("the-token")), ..keys() };
    let store = S3::new(config, &keys, clock()).unwrap();
    let text = format!("{store:?} {keys:?}");
    assert!(text.contains("bucket"), "{text}");
    for secret in ["the-key-itself", "the-token"] {
        assert!(!text.contains(secret), "{text}");
    }
    covers!("blobs: the keys of a bucket are in no debug text and no error");
}
