# Texts for people, in English. One message for each error code (named like the code), with its
# attributes: .fix (how to mend it) and .example (an example). Then the shell.

## Usage and configuration

usage = The command is incomplete or cannot be understood.
    .fix = Check its arguments with --help; the detail says which one is missing or too many.
    .example = fedatario sat year --rfc EKU9003173C9 --year 2025
config_invalid = A value of the configuration is of no use.
    .fix = Correct the environment variable or file that the detail names and run the command again.
    .example = FEDATARIO_SAT_URL=http://127.0.0.1:8180
tenant_required = This folder holds several organisations and the command does not say which one it is for.
    .fix = Name it with --tenant or the variable FEDATARIO_TENANT.
    .example = fedatario sat status --tenant local
environment_mismatch = The taxpayer was registered in one world (simulator or SAT) and the configured address is of the other.
    .fix = Use the address it was registered with, or register the taxpayer in a folder of its own.
    .example = fedatario sat auth --rfc EKU9003173C9 --data ~/fedatario-production
data_foreign = The folder or the database holds something that the demo did not make, so it is left untouched.
    .fix = Choose a new or empty folder, or a new database, for the demo.
    .example = fedatario demo --data /tmp/my-demo
clock_offset_refused = The clock of this folder runs ahead and the address is SAT's own; only a simulator allows that.
    .fix = Remove FEDATARIO_CLOCK_OFFSET_S, or use another folder to talk to SAT.
    .example = fedatario sat year --rfc EKU9003173C9 --year 2025 --data ~/fedatario-production
permission_denied = Whoever asks for this is not permitted to do it.
    .fix = Ask an administrator of the organisation for the permission that the detail names.
    .example = TENANT_AUDIT_EXPORT
not_found = There is nothing of that name or id in this organisation.
    .fix = Check the id; the status and list commands show those that exist.
    .example = fedatario sat status
id_format = The id does not have the expected form.
    .fix = Copy it whole, with its prefix and its 26 characters.
    .example = job_01k3zvh8m2e4ttx0n5sw2b9qrc

## Taxpayers

rfc_format = The RFC does not have the form of an RFC.
    .fix = It is three letters and nine characters for a company, or four letters and nine for a person, without spaces or dashes.
    .example = EKU9003173C9
taxpayer_unknown = That taxpayer is not registered here.
    .fix = Register it first with its e.firma, or check the RFC and the folder.
    .example = fedatario sat register --cer fiel.cer --key fiel.key --password-file password.txt

## Certificates and keys

certificate_format = The file is not a certificate that can be read.
    .fix = Use the .cer file as SAT delivered it, neither opened nor converted.
    .example = 00001000000500000000.cer
certificate_subject = The certificate does not say which RFC it belongs to.
    .fix = Use the .cer of an e.firma of SAT; certificates of servers and browsers will not do.
    .example = openssl x509 -inform der -in fiel.cer -noout -subject
key_format = The file is not a private key that can be read.
    .fix = Use the .key file that came with your .cer, whole and not converted.
    .example = Claveprivada_FIEL_EKU9003173C9.key
key_password = The password does not open the key, or the key file is damaged.
    .fix = Write the password of the key (not that of SAT's portal) in the first line of the file and try again.
    .example = printf '%s\n' 'my password' > password.txt
key_mismatch = The key and the certificate do not belong together.
    .fix = Take the .cer and the .key of the same application; a renewal changes both.
    .example = fedatario sat register --cer 2025/fiel.cer --key 2025/fiel.key --password-file password.txt
pkcs12_format = The .p12 or .pfx file cannot be read.
    .fix = Export it again with its certificate and key, or use the .cer and the .key apart.
    .example = fedatario sat register --cer fiel.cer --key fiel.key --password-file password.txt
pkcs12_bounds = The .p12 or .pfx file asks for more work or more parts than is reasonable, and was not opened.
    .fix = Export it again with the usual values, and only with the certificate and key of the e.firma.
    .example = openssl pkcs12 -export -in fiel.pem -inkey key.pem -out fiel.p12
fiel_required = This is a seal certificate (CSD), and an e.firma is needed here.
    .fix = Use the .cer and .key of the taxpayer's e.firma (FIEL).
    .example = fedatario sat register --cer FIEL_EKU9003173C9.cer --key FIEL_EKU9003173C9.key --password-file password.txt
certificate_expired = The certificate has expired.
    .fix = Renew the e.firma at SAT and register the new files.
    .example = fedatario sat register --cer new.cer --key new.key --password-file password.txt
certificate_not_yet_valid = The certificate is not valid yet.
    .fix = Wait for the date in the detail, and check that this computer's clock is right.
    .example = timedatectl status
certificate_chain = The certificate's chain does not reach an authority that is trusted.
    .fix = Give the certificate of the authority that issued it with --ca, and check the date that is asked about.
    .example = fedatario xml verify --ca AC5_SAT.pem document.xml
certificate_taxpayer_mismatch = The certificate is another taxpayer's.
    .fix = Use the e.firma of the taxpayer you named, or correct the RFC.
    .example = openssl x509 -inform der -in fiel.cer -noout -subject

## Vault

root_key_missing = The root key is missing, and without it nothing that is sealed opens.
    .fix = Put the file root.key back from its backup, or give the key or the passphrase by the environment.
    .example = FEDATARIO_ROOT_KEY_FILE=/run/secrets/root.key
root_key_wrong = The root key will not do: it is not this folder's, is damaged, or others can read it.
    .fix = Use the key that the folder was made with; its file must be yours alone (mode 0600).
    .example = chmod 600 root.key
seal_broken = Something sealed does not open: it was altered, or it lies in another's place.
    .fix = Do not overwrite it; restore the piece that the detail names from a backup and tell whoever operates the system.
    .example = fedatario audit verify
credential_missing = The taxpayer has no e.firma in use.
    .fix = Register its .cer and .key.
    .example = fedatario sat register --cer fiel.cer --key fiel.key --password-file password.txt
credential_blocked = SAT refused the e.firma (revoked, expired or invalid) and it is no longer used.
    .fix = Check the state of the e.firma with the taxpayer and register a valid one; work goes on where it stopped.
    .example = fedatario sat register --cer new.cer --key new.key --password-file password.txt
purpose_refused = The key is not used for that: the vault signs only what fits its purpose.
    .fix = Use the right credential: the e.firma for SAT, the seal for invoices.
    .example = fedatario sat auth --rfc EKU9003173C9
crypto_failed = A cryptographic operation failed, and the data was not the cause.
    .fix = Run the command again; if it happens again, keep the log and tell whoever operates the system.
    .example = FEDATARIO_LOG=debug fedatario sat auth --rfc EKU9003173C9

## XML and signatures

xml_too_large = The XML is larger than is accepted.
    .fix = Check that the file is one single document of less than 64 MiB.
    .example = ls -l invoice.xml
xml_too_deep = The XML has more elements, or more inside one another, than a fiscal document has.
    .fix = Ask the issuer for the original; a genuine document never comes near that limit.
    .example = xmllint --noout invoice.xml
xml_doctype = The XML carries a DOCTYPE, which is never accepted here.
    .fix = Use the original file, without DOCTYPE or entities of its own.
    .example = grep -c DOCTYPE invoice.xml
xml_malformed = The XML is malformed: cut, with foreign text, or in another encoding.
    .fix = Download it again or ask for the original; the detail says where reading stops.
    .example = xmllint --noout invoice.xml
signature_missing = The document lacks the signature it should have.
    .fix = Use the signed document as it was received, without saving it again.
    .example = grep -c SignatureValue document.xml
signature_ambiguous = The document has several signatures, or several parts with one id, and which one counts is unknown.
    .fix = Do not rely on it; ask the signer for the original.
    .example = grep -o 'Id="[^"]*"' document.xml
signature_algorithm = The signature uses a method that is not accepted here.
    .fix = Ask for a signature with RSA and SHA-256.
    .example = http://www.w3.org/2001/04/xmldsig-more#rsa-sha256
signature_reference = The signature does not cover the part of the document that it must cover.
    .fix = Do not rely on it; ask the signer for the original.
    .example = grep -o 'URI="[^"]*"' document.xml
signature_untrusted = The signature is by somebody who is not trusted for this purpose.
    .fix = Check whose certificate it is, and that its authority is among those trusted.
    .example = fedatario sandbox sat --trust folder-of-authorities
signature_invalid = The signature does not match the document and the key of its supposed signer.
    .fix = Do not rely on it; ask the signer for the original.
    .example = fedatario sat report --check reporte-2025.json
signature_digest = The content changed after it was signed.
    .fix = Do not rely on it; restore the original file.
    .example = fedatario sat report --check reporte-2025.json

## Documents, metadata and packages

cfdi_format = The XML is neither a CFDI nor a CFDI of withholdings.
    .fix = Check that it is the XML of the document itself, not its receipt or its printed form.
    .example = cfdi:Comprobante
cfdi_unstamped = The CFDI is not stamped: it lacks its fiscal folio (UUID).
    .fix = Use the XML that the certification provider returned, with its TimbreFiscalDigital.
    .example = grep -o 'UUID="[^"]*"' invoice.xml
metadata_format = The metadata lacks the columns or the values that SAT delivers.
    .fix = Use SAT's original package, without opening it in a spreadsheet.
    .example = Uuid~RfcEmisor~NombreEmisor~RfcReceptor
efos_list_format = The file is no 69-B list that can be read.
    .fix = Use the complete CSV that SAT publishes; an error page saved under that name is none.
    .example = fedatario sat efos load Listado_completo_69-B.csv
line_too_long = A line of the metadata is longer than 64 KiB.
    .fix = Use SAT's original package; a genuine line never comes near that limit.
    .example = fedatario sat import --rfc EKU9003173C9 package.zip
archive_format = The file is not a ZIP that can be read, or it is cut.
    .fix = Download it again; the original is still kept as it came.
    .example = unzip -t package.zip
archive_empty = The package is empty: zero bytes.
    .fix = Download it again; if SAT delivers it empty, the window is asked for anew.
    .example = fedatario sat download --rfc EKU9003173C9
archive_too_large = The package, or something in it, is larger than is accepted.
    .fix = Split the package: up to 1 GiB a package and 64 MiB a document.
    .example = unzip -l package.zip
archive_ratio = Something in the package inflates more than a hundredfold, like a decompression bomb.
    .fix = Do not open it; find out where it comes from. SAT delivers no such packages.
    .example = unzip -v package.zip
archive_entries = The package has more than 250,000 files.
    .fix = Split the package; SAT delivers at most 200,000 documents a request.
    .example = unzip -l package.zip | tail -1

## Questions about what is here

period_format = That is not a period.
    .fix = Write a year, a month, two months or two dates with ".." between them; the second is included.
    .example = 2025, 2025-03, 2025-03..2025-06, 2025-03-01..2025-03-15
filter_format = A filter is not understood.
    .fix = Look at the filter that is named: type I, E, T, N, P or R; status vigente, cancelado or unknown; amounts with a decimal point; whole UUIDs.
    .example = fedatario sat query --rfc EKU9003173C9 --type I,E --min 1000.00 --status vigente
output_failed = The output file cannot be written.
    .fix = Make sure that the folder exists, that you may write in it and that there is room; nothing was left half done.
    .example = df -h . && fedatario sat export --rfc EKU9003173C9 --year 2025 --format csv -o cfdi-2025.csv

## Windows of time

window_order = The first date is not before the last one.
    .fix = Put the older one first; they must lie at least a second apart.
    .example = 2025-01-01T00:00:00 to 2025-01-31T23:59:59
window_too_old = SAT delivers only the last six years, and the date asked for is older.
    .fix = Ask for a year within the last six; what is older is imported from packages you already have.
    .example = fedatario sat import --rfc EKU9003173C9 package-2018.zip
window_future = The window ends in the future.
    .fix = Ask up to the present; the running year is cut by itself and completed later.
    .example = fedatario sat year --rfc EKU9003173C9 --year 2025
window_received_cancelled = SAT does not deliver the XML of received documents that were cancelled.
    .fix = Ask for the received ones in force; those cancelled are in the metadata and are listed apart.
    .example = fedatario sat report --rfc EKU9003173C9 --year 2025
window_asked = That very window was asked for before, and SAT counts equal requests for life.
    .fix = Follow the request that holds it: the status says which one it is and how many variants are left.
    .example = fedatario sat status --rfc EKU9003173C9 --year 2025
window_exhausted = Every permitted variant of that window has been used.
    .fix = Take the packages from a backup or from SAT's portal and import them by hand.
    .example = fedatario sat import --rfc EKU9003173C9 package.zip

## Authorities

authority_unreachable = The authority could not be connected to; nothing reached it.
    .fix = Check the network and wait; the work is retried by itself, and the command may be repeated without risk.
    .example = curl -sI https://cfdidescargamasivasolicitud.clouda.sat.gob.mx
authority_unanswered = The authority did not answer, and what was sent may have reached it.
    .fix = Do not send it again by hand: the system marks it as uncertain and settles it without doubling it.
    .example = fedatario sat status --rfc EKU9003173C9
authority_throttled = The authority asked us to wait, or the pace that we allow ourselves was reached.
    .fix = Wait; the work goes on by itself in due time.
    .example = fedatario jobs list --state ready
authority_session = The authority did not accept the session or the login.
    .fix = Check that the e.firma is valid and that this computer's clock is right.
    .example = fedatario sat auth --rfc EKU9003173C9
authority_rejected = The authority refused what was asked; the detail has its code and words.
    .fix = Read in the status what the code means and who has to act.
    .example = fedatario sat status --rfc EKU9003173C9
breaker_open = The authority failed several times in a row, and for a while it is not called.
    .fix = Wait; a trial call is made by itself and the rest goes on once it answers.
    .example = fedatario sat status --rfc EKU9003173C9
login_cooling = The authority refused the login of this e.firma a short while ago, and we wait before insisting.
    .fix = Check that the e.firma is valid; it is tried again by itself, between a minute and an hour later.
    .example = fedatario sat auth --rfc EKU9003173C9
attempts_exhausted = The attempts that the authority allows for this have been made.
    .fix = Do not insist; the system asks for the same another way if there is one, else it shows it to a person.
    .example = fedatario sat status --rfc EKU9003173C9
soap_malformed = The authority answered something that is no answer of its own (a web page, a cut text).
    .fix = Wait and try again; it is usually maintenance. Check the configured address too.
    .example = fedatario sat verify --rfc EKU9003173C9
package_truncated = The download of the package was cut before its end.
    .fix = It is asked for a second time by itself; if that is cut too, the window is requested anew.
    .example = fedatario sat download --rfc EKU9003173C9

## Storage and jobs

store_unavailable = The database cannot be used.
    .fix = Check that it runs, that there is room on the disk and that the address is right; then try again.
    .example = FEDATARIO_DATABASE_URL=postgres://fedatario@127.0.0.1/fedatario
store_conflict = Somebody changed the same thing at the same time, and nothing was written.
    .fix = Run the command again.
    .example = fedatario sat status --rfc EKU9003173C9
schema_newer = The database was written by a newer version of the program.
    .fix = Update the program; do not use the older version on this data.
    .example = fedatario --version
blob_unavailable = The object store cannot be read or written.
    .fix = Check the room on the disk and the permissions of the folder; then try again.
    .example = df -h ~/.local/share/fedatario
blob_corrupt = A kept file does not match its digest: it changed after it was kept.
    .fix = Restore it from a backup; the detail says which one it is.
    .example = sha256sum package.zip
lease_lost = Another process took over this job, and what was done here was not written.
    .fix = Nothing to do: the other process finishes it.
    .example = fedatario jobs list --state running
job_dead = A job failed so often that it was given up.
    .fix = Read its last error, mend the cause and set it going again.
    .example = fedatario jobs retry job_01k3zvh8m2e4ttx0n5sw2b9qrc
schedule_format = The schedule cannot be understood.
    .fix = Write five fields (minute, hour, day, month, day of the week) and a time zone.
    .example = 0 23 * * * America/Mexico_City
internal = Something failed inside the program.
    .fix = Run the command again; if it happens again, keep the log and tell whoever operates the system.
    .example = FEDATARIO_LOG=debug fedatario sat status

## Audit

audit_altered = An entry of the audit chain was changed.
    .fix = Keep the copy as it is and compare it with an earlier export from the number that is named.
    .example = fedatario audit verify earlier-export.ndjson
audit_gap = An entry is missing in the middle of the audit chain.
    .fix = Keep the copy as it is and look for the entry in an earlier export.
    .example = fedatario audit verify earlier-export.ndjson
audit_reordered = The entries of the audit chain are in another order.
    .fix = Keep the copy as it is and compare it with an earlier export.
    .example = fedatario audit verify earlier-export.ndjson
audit_truncated = The last entries of the audit chain are missing.
    .fix = Keep the copy as it is and restore the end from a backup or an export.
    .example = fedatario audit verify earlier-export.ndjson
audit_foreign = The audit chain holds an entry that is not of this chain.
    .fix = Keep the copy as it is and find out where the entry that is named came from.
    .example = fedatario audit verify export.ndjson
audit_checkpoint = A signed checkpoint does not match the chain or the key.
    .fix = Check which key you verify with; if it is the right one, the chain changed after it was signed.
    .example = fedatario audit verify export.ndjson --key "$(cat audit.pub)"
audit_format = The file is not an audit export, or the key does not have the expected form.
    .fix = Use the file that the export wrote, neither edited nor cut.
    .example = fedatario audit export --output export.ndjson

## Reports

report_incomplete = Documents that the metadata names are missing.
    .fix = See the list in the report and run the year again; what is still missing is asked anew or imported by hand.
    .example = fedatario sat year --rfc EKU9003173C9 --year 2025
report_signature = The file is not a report signed by this installation, or it changed after it was signed.
    .fix = Use the original file, or make the report again.
    .example = fedatario sat report --rfc EKU9003173C9 --year 2025

## Answers of SAT

sat-no-answer = SAT has not answered anything about this request yet.
sat-unknown-code = SAT answered { $code } «{ $words }», a code we do not know: it is taken neither for success nor for failure.
sat-who-taxpayer = The taxpayer has to act.
sat-who-us = Whoever operates this system has to act.
sat-who-sat = It is up to SAT; all one can do is wait.
sat-who-nobody = Nobody has to do anything.

## What the shell says

cli-yes = yes
cli-no = no
cli-registered = Registered: { $rfc }, { $name }. Certificate { $number }, valid until { $until }.
cli-registered-already = Already registered: { $rfc }, { $name }. Certificate { $number }, valid until { $until }.
cli-authenticated = SAT accepted the e.firma of { $rfc }. The session lasts until { $until }.
cli-planned = New requests: { $planned }. Windows that were asked for before: { $held }.
cli-held = Asked before: { $window }, by { $id } ({ $state }). Variants left: { $left }.
cli-states = Requests: { $states }.
cli-report = CFDI: { $cfdi }. Metadata: { $metadata }. Missing: { $missing }. Not delivered by SAT: { $apart }. Report: { $path }
cli-incomplete = The year is not complete: windows without an answer: { $windows }. The report names them.
cli-not-getting-on = Nothing gets on ({ $why }). The work stays where it is: the same command, or `fedatario serve`, takes it up again.
cli-pass = Jobs done: { $done }. Requests: { $states }.
cli-imported = Files: { $files }. New CFDI: { $cfdi }. Metadata: { $metadata }. Duplicates: { $duplicates }. Quarantined: { $quarantined }. Other people's: { $foreign }. Ignored: { $ignored }.
cli-counts = CFDI: { $cfdi }. Metadata: { $metadata }. Other people's: { $foreign }. Quarantined: { $quarantined }.
cli-checked = Signature good: { $signature } (key { $key }). Agrees with what is here: { $agrees }.
cli-check-seals = Seals: { $documents } documents, { $good } good. Judged now: { $judged }. Before: { $known }. Not judged: { $unchecked }.
cli-check-no-trust = Trust not checked: no authority is configured (FEDATARIO_SAT_TRUST), so nobody vouches for the certificates.
cli-check-status = Status at SAT: { $asked } asked, { $known } known already, { $unanswered } without answer.
cli-check-cut = The questions to SAT were cut short ({ $why }). The same command goes on where it was.
cli-check-no-list = There is no 69-B list: load it with “fedatario sat efos load”.
cli-check-findings = Findings. Forged: { $forged }. Altered: { $altered }. Cancelled: { $cancelled }. Not verifiable: { $unverifiable }. Counterparties on the 69-B list: { $listed }.
cli-check-listed = { $rfc }  on the 69-B list: { $situation }  documents: { $documents }  { $name }
cli-check-files = Files: { $files }. Good: { $good }.
cli-certificates-loaded = Certificates read: { $given }. New: { $new }. In all: { $all }.
cli-efos-loaded = 69-B list loaded: { $rows } taxpayers, as of { $dated }, from { $source }.
cli-efos-same = That 69-B list was here already: { $rows } taxpayers, as of { $dated }, from { $source }.
cli-efos-listed = Of the 69-B list: { $rows }, as of { $dated }, from { $source }.
cli-efos-none = No 69-B list was loaded yet.
    .fix = Load it with “fedatario sat efos load”, from SAT or from a file.
cli-verdict-good = good
cli-verdict-unverifiable = not verifiable
cli-verdict-cancelled = cancelled
cli-verdict-altered = altered
cli-verdict-forged = forged
cli-reason-seal-mismatch = The seal does not fit the contents.
cli-reason-stamp-mismatch = SAT's seal does not fit the stamp.
cli-reason-stamp-of-another = The stamp belongs to another seal.
cli-reason-certificate-of-another = The certificate is not the issuer's.
cli-reason-certificate-number = The certificate does not bear the number that the document names.
cli-reason-certificate-untrusted = The issuer's certificate comes from no configured authority.
cli-reason-stamp-certificate-untrusted = The stamp's certificate comes from no configured authority.
cli-reason-several-stamps = It carries more than one stamp.
cli-reason-unknown-to-sat = SAT does not know it, and should by now.
cli-reason-cancelled-at-sat = SAT says that it is cancelled.
cli-reason-cancelled-in-metadata = The metadata says that it is cancelled.
cli-reason-not-yet-known = SAT does not know it yet; that may take 72 hours.
cli-reason-expression-refused = SAT did not understand the question (601).
cli-reason-status-unknown = SAT answered with something unknown.
cli-reason-no-expression = Its total or version allow no question to SAT.
cli-reason-unsealed = It carries no seal.
cli-reason-unstamped = It carries no stamp.
cli-reason-certificate-missing = The issuer's certificate is missing; try --fetch-certificates.
cli-reason-stamp-certificate-missing = The stamp's certificate is missing; try --fetch-certificates.
cli-reason-certificate-unreadable = The certificate in it cannot be read.
cli-reason-unknown-complement = It holds a complement whose order is not known.
cli-reason-ambiguous-text = Some value holds the bar that separates values.
cli-reason-self-stamped = The issuer itself certified it.
cli-reason-sha1 = Everything fits, but under SHA-1, which proves little today.
cli-reason-unreadable = It cannot be read as a document with a seal.
cli-progress = CFDI { $cfdi }, metadata { $metadata }
cli-done = Done: { $id }.
cli-keys = Keys wrapped anew: { $moved }. Still behind: { $behind }.
cli-report-unpinned = No known key (unpinned): only the file itself vouches for its signature. To be surer, give the key with --key.
cli-report-other-key = Another key signed it: neither the one given nor that of any organisation in this folder.
cli-no-folder = That folder holds nothing of Fedatario, and looking does not make it.
    .fix = Check --data or FEDATARIO_DATA; “sat register”, “sat import”, “sat year”, “serve” and “tenant add” make it.
cli-root-elsewhere = The root key comes from the environment or a passphrase, and only one in root.key is renewed here.
    .fix = Move it to root.key (mode 0600, a line “version base64”), remove the variable and run the command again.
cli-tenant-added = Organisation added: { $name } ({ $id }).
cli-tenant-there = The organisation was there already: { $name } ({ $id }).
cli-doctor-folder = Folder
    .fix = Let nobody but its owner read it: chmod 700.
cli-doctor-space = Free space
    .fix = Free some disk before asking for more: a year of a large taxpayer takes several GiB.
cli-doctor-objects = Objects: written and read
    .fix = Look at the permissions of objects/ or the credentials of the bucket.
cli-doctor-worker = Jobs that nobody takes
    .fix = Start "fedatario serve".
cli-doctor-world = World
cli-doctor-address = Address of SAT
    .fix = Look at network, DNS, proxy and the trust store of this machine; if other addresses answer, SAT may be out of service.
cli-doctor-clock = Clock of this machine beside SAT's
    .fix = Synchronise the clock (timedatectl): SAT refuses sessions that are minutes off.
cli-doctor-taxpayers = Taxpayers
    .fix = Register one with "sat register" or bring packages with "sat import".
cli-doctor-other-world = Taxpayer of the other world
    .fix = This folder mixes simulator and SAT: set FEDATARIO_SAT_URL to the simulator, or use another folder.
cli-doctor-efirma = e.firma in force
    .fix = About to lapse: renew it at SAT and register it again.
cli-doctor-efirma-blocked = e.firma that SAT refused
    .fix = Ask the taxpayer whether it was renewed or revoked and register the new one; what was blocked goes on by itself.
cli-doctor-efirma-lapsed = e.firma lapsed
    .fix = Register the new one with "sat register".
cli-doctor-dead-jobs = Jobs that were given up
    .fix = "jobs list --state dead" names the cause; mend it and use "jobs retry".
cli-doctor-healthy = Everything is in order.
cli-doctor-ill = Something needs attention.
cli-stopping = Stopping: what has begun is let end. Another Ctrl+C ends at once.
cli-interrupted = Interrupted before the end. The same command goes on where it stopped.
cli-audit-intact = The audit chain is intact. Entries: { $entries }. Anchored up to: { $anchored }. Unanchored: { $unanchored }. Key: { $key }.
cli-audit-damaged = The audit chain is damaged. Entries: { $entries }. Anchored up to: { $anchored }. Unanchored: { $unanchored }. Key: { $key }.
cli-audit-unpinned = Checked with the key that the file itself brings. To be surer, give the key with --key.
cli-audit-exported = Entries exported: { $entries }, to { $path }. Public key: { $key }
cli-verify-good = The signature is good.
cli-verify-bad = Not a good signature ({ $code }): { $what }
cli-verify-signed = Signed: { $root } ({ $bytes } canonical bytes), reference “{ $reference }”, { $hash } { $digest }
cli-verify-signer = Signer: { $subject }. Tax id: { $tax_id }. Certificate { $number }, valid from { $from } to { $until }.
cli-verify-chain = Chain checked at { $at }: { $path }
cli-verify-unchecked = Chain not checked: whoever signed may be anybody. To check it, give the authorities with --ca.
cli-verify-lapsed = At { $at } the certificate is outside its validity.
cli-inspect-certificate = { $file }: { $kind } certificate. { $tax_id } { $name }. Number { $number }, valid from { $from } to { $until }. Issued by { $issuer }. Key: { $key }
cli-inspect-key = { $file }: RSA key of { $bits } bits. Certificate: { $key }
cli-inspect-closed = { $file }: key under a password; not opened. Give the password with --password-file.
cli-inspect-refused = { $file }: { $code }. { $what } { $detail }
cli-demo-begin = Demo: { $rfc }, year { $year }. The simulator of SAT is at { $url } and everything lies in { $dir }.
cli-demo-lies = Documents, packages and the report lie in { $objects }.
cli-demo-serving = Ready. The simulator stays at { $url } and the work in { $dir }. End it with Ctrl+C.
cli-serving = Working on { $dir }. End it with Ctrl+C.
cli-sandbox-serving = Simulator of SAT at { $url }, with { $documents } documents. End it with Ctrl+C.

## Help of each command

cli = Downloads, keeps and checks every CFDI of your clients.
cli-demo = Shows the whole way against a simulator of SAT, without credentials or network.
cli-serve = Works on jobs and schedules until it is told to stop.
cli-sat = SAT's mass download.
cli-sat-register = Registers a taxpayer with its e.firma.
cli-sat-auth = Checks that SAT accepts the e.firma.
cli-sat-year = Asks for a whole year and brings it home: metadata and CFDI, issued and received.
cli-sat-verify = Asks once how the open requests stand.
cli-sat-download = Downloads once the packages that are ready.
cli-sat-import = Reads packages that you already have; no account is needed.
cli-sat-status = Shows how the requests stand, with SAT's words and what they mean.
cli-sat-report = Makes the report of a year (what is missing, what SAT does not deliver), or checks one.
cli-sat-check = Says which CFDI are forged, altered or cancelled, and which counterparties are on the 69-B list.
cli-sat-efos = List of article 69-B.
cli-sat-efos-load = Loads the list from SAT, an address or a file.
cli-sat-efos-list = Shows the loaded list.
cli-sat-certificates = Certificates known by number.
cli-sat-certificates-load = Keeps certificates of files or folders.
cli-sandbox = Simulators of the authorities.
cli-sandbox-sat = Simulator of SAT's mass download service.
cli-audit = The audit chain: verify it, take a copy outside.
cli-audit-verify = Verifies the chain: that of the database, or that of a file without a database.
cli-audit-export = Writes the whole chain with a signed checkpoint.
cli-audit-key = Shows the public key of checkpoints and reports.
cli-vault = The keys that protect credentials.
cli-vault-rotate = Makes a new version of a key and puts what is there under it.
cli-vault-status = Says how much is still under an older version.
cli-jobs = Jobs that wait, run and failed.
cli-jobs-list = Lists jobs.
cli-jobs-retry = Sets a job going again.
cli-jobs-cancel = Calls off a job that nobody is doing.
cli-schedule = Schedules: the running year, asked for without anybody asking.
cli-schedule-set = Sets, changes or turns off the schedule of a taxpayer.
cli-schedule-list = Lists the schedules and their next times.
cli-tenant = The organisations that it works for.
cli-tenant-add = Adds an organisation.
cli-tenant-list = Lists the organisations.
cli-xml = Canonical forms, signing and verifying of XML, without folder or account.
cli-xml-c14n = Writes the canonical form of an XML document.
cli-xml-sign = Signs an XML document (RSA-SHA256, within the document itself) and writes it.
cli-xml-verify = Verifies the signature of an XML document: what was signed, by whom, and whether the chain holds.
cli-cert = Certificates and keys, without folder or account.
cli-cert-inspect = Says what each certificate or key is, whose, and until when.
cli-cfdi = Single CFDI, without folder or account.
cli-cfdi-json = Writes the JSON of a CFDI.
cli-any-help = Shows this help, or that of a command.
cli-doctor = Looks whether everything is in order: folder, keys, space, jobs, e.firmas and, with --sat, the way to SAT.
cli-explain = Explains an error code: what happened, how to mend it, an example.

## Help of the arguments

cli-help-usage = Usage
cli-help-commands = Commands
cli-help-command = COMMAND
cli-help-arguments = Arguments
cli-help-options = Options
cli-help-values = [values: { $values }]
cli-help-default = [by default: { $values }]
cli-any--help = Shows the help
cli-any--version = Shows the version
cli-any--subcommand = Command whose help is wanted
cli-any--data = Folder with everything: database, documents, root key
cli-any--tenant = Organisation to work for
cli-any--json = Writes the result as one JSON object in the last line
cli-any--log-json = Writes the log as JSON
cli-any--rfc = RFC of the taxpayer
cli-any--year = Fiscal year
cli-any--cfdi = Folder of CFDI that fills the simulator
cli-any--generate = Makes up N documents instead of reading them
cli-any--seed = Seed of the documents made up: the same one gives the same
cli-demo--once = Ends when the year is complete, without serving on
cli-demo--year = Year to ask for; else the one with most documents
cli-demo--rfc = RFC to use; else the one in most documents
cli-sat-register--cer = Certificate of the e.firma (.cer)
cli-sat-register--key = Private key of the e.firma (.key)
cli-sat-register--p12 = Certificate and key together (.p12 or .pfx)
cli-sat-register--password-file = File whose first line is the password of the key
cli-sat-year--issued = Only the issued ones
cli-sat-year--received = Only the received ones
cli-sat-year--both = Issued and received (so it is if nothing is said)
cli-sat-year--retry = Asks again, one second wider, for every window that was rejected or is held up
cli-sat-year--detach = Leaves the work to “fedatario serve” and ends
cli-sat-import--packages = ZIP packages of SAT
cli-sat-report--check = Checks the signature of a report and whether it agrees with what is here
cli-sat-report--key = Public key that must have signed the report
cli-sat-check--from = Issued from this day on (YYYY-MM-DD)
cli-sat-check--to = Issued until this day, included
cli-sat-check--uuids = Only this fiscal folio; may be repeated
cli-sat-check--seals = Verifies seals and stamps
cli-sat-check--status = Asks SAT for the status of all
cli-sat-check--efos = Looks counterparties up on the 69-B list
cli-sat-check--fetch-certificates = Asks SAT for missing certificates
cli-sat-check--again = Judges and asks again what is known
cli-sat-check--stale-days = Days after which what the metadata says is asked about again
cli-sat-check--certificates = Certificates worth knowing, a file or a folder
cli-sat-check--output = NDJSON file for the findings
cli-sat-check--files = XML documents, or - for standard input
cli-sat-efos-load--source = File or address; SAT's own if absent
cli-sat-certificates-load--files = Certificates, files or folders
cli-tenant-add--name = Name of the organisation
cli-sandbox-sat--listen = Address and port to serve at
cli-sandbox-sat--rfc = RFC of the documents made up
cli-sandbox-sat--year = Year of the documents made up
cli-sandbox-sat--seals = Seals of the documents made up: filler or real
cli-sandbox-sat--strict = Refuses (302) signatures of none of the known forms
cli-sandbox-sat--trust = Folder of certificates of authorities (.cer) that are trusted too
cli-sandbox-sat--state = File that keeps its state; else it is in memory
cli-sandbox-sat--tls = Serves HTTPS and writes the certificate of its authority to this file
cli-sandbox-sat--mint = Folder for a test e.firma that it accepts itself
cli-audit-verify--file = Export to verify; else the database
cli-audit-verify--key = Public key to verify with
cli-audit-export--output = File to write; else standard output
cli-vault-rotate--root = Renews the root key
cli-vault-rotate--tenant-key = Renews the key of the organisation
cli-jobs-list--state = Only those in this state
cli-jobs-list--limit = How many at most
cli-jobs-retry--id = Id of the job
cli-jobs-cancel--id = Id of the job
cli-schedule-set--cron = Five cron fields and a time zone
cli-schedule-set--off = Turns the schedule off
cli-doctor--sat = Also looks whether each address of SAT answers, without credentials
cli-xml-c14n--exclusive = Exclusive form; else the inclusive one
cli-xml-c14n--comments = Keeps the comments
cli-xml-c14n--file = XML document; - is standard input
cli-xml-sign--cer = Certificate of the signer (.cer)
cli-xml-sign--key = Private key of the signer (.key)
cli-xml-sign--p12 = Certificate and key together (.p12 or .pfx)
cli-xml-sign--password-file = File whose first line is the password of the key
cli-xml-sign--profile = How to sign
cli-xml-sign--file = XML document; - is standard input
cli-xml-verify--ca = Certificate of an authority that is trusted, or several in one PEM; may be repeated
cli-xml-verify--profile = Which signature is expected
cli-xml-verify--at = Instant at which the chain must hold, as 2025-01-31 or 2025-01-31T12:00:00Z; else now
cli-xml-verify--file = XML document; - is standard input
cli-cert-inspect--files = Files .cer, .key, .p12 or .pfx; - is standard input
cli-cert-inspect--password-file = File whose first line is the password of the keys
cli-cfdi-json--file = CFDI; - is standard input
cli-explain--slug = Error code, as key_password
