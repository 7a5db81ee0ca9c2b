// Drives @nodecfdi/sat-ws-descarga-masiva (npm) against another address. The library speaks HTTPS only: the
// authority of the server is given to node by NODE_EXTRA_CA_CERTS. FEDATARIO_TEST_NODE_MODULES names the
// folder that the library is installed in.

import assert from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const POLLS_AT_MOST = 50;
const modules = process.env.FEDATARIO_TEST_NODE_MODULES;
const library = '@nodecfdi/sat-ws-descarga-masiva';
const entry = JSON.parse(readFileSync(join(modules, library, 'package.json'), 'utf8')).module;
const sat = await import(pathToFileURL(join(modules, library, entry)));

const [base, folder, out, rfc, first, last] = process.argv.slice(2);
const fiel = sat.Fiel.create(
  readFileSync(join(folder, 'fiel.cer'), 'binary'),
  readFileSync(join(folder, 'fiel.key'), 'binary'),
  readFileSync(join(folder, 'password.txt'), 'utf8').trim(),
);
assert(fiel.isValid() && fiel.getRfc() === rfc, 'the e.firma is not one to this library');

// Only the address: SAT's host goes, its path stays.
const here = (url) => base + new URL(url).pathname;
const theirs = sat.ServiceEndpoints.cfdi();
const endpoints = new sat.ServiceEndpoints(
  here(theirs.getAuthenticate()),
  here(theirs.getQuery()),
  here(theirs.getVerify()),
  here(theirs.getDownload()),
  theirs.getServiceType(),
);
const service = new sat.Service(new sat.FielRequestBuilder(fiel), new sat.HttpsWebClient(), undefined, endpoints);

async function wait(id) {
  for (let poll = 0; poll < POLLS_AT_MOST; poll += 1) {
    const found = await service.verify(id);
    assert(found.getStatus().isAccepted(), JSON.stringify(found));
    const state = found.getStatusRequest().getEntryId();
    if (state === 'Finished') return found;
    assert(['Accepted', 'InProgress'].includes(state), JSON.stringify(found));
  }
  throw new Error(`not ready after ${POLLS_AT_MOST} polls`);
}

const period = sat.DateTimePeriod.createFromValues(first.replace('T', ' '), last.replace('T', ' '));
for (const direction of ['issued', 'received']) {
  for (const content of ['xml', 'metadata']) {
    const parameters = sat.QueryParameters.create(period)
      .withDownloadType(new sat.DownloadType(direction))
      .withRequestType(new sat.RequestType(content))
      .withDocumentStatus(new sat.DocumentStatus(direction === 'issued' ? 'undefined' : 'active'));
    const asked = await service.query(parameters);
    assert(asked.getStatus().isAccepted(), JSON.stringify(asked));
    const ready = await wait(asked.getRequestId());
    for (const id of ready.getPackageIds()) {
      const answer = await service.download(id);
      assert(answer.getStatus().isAccepted(), JSON.stringify(answer));
      writeFileSync(join(out, `${id}.zip`), Buffer.from(answer.getPackageContent(), 'base64'));
    }
    console.log(JSON.stringify({
      direction,
      content: content === 'xml' ? 'CFDI' : 'Metadata',
      solicitud: asked.getRequestId(),
      packages: ready.getPackageIds(),
      cfdis: ready.getNumberCfdis(),
    }));
  }
}
