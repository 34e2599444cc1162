// SPDX-License-Identifier: Apache-2.0
// @grpc/grpc-js under a test's command: a line of JSON on standard input is a verb, a line on
// standard output an event. `call` is a number that the test chooses.
//
//     node client.js PROTO ADDRESS
//
//     {"verb": "open", "call", "service", "method", "metadata", "timeoutMs", "isCompressing"}
//     {"verb": "send", "call", "message", "isCompressed"}     messages as protobuf's JSON
//     {"verb": "halfClose" | "cancel", "call"}
//
//     {"event": "initial", "call", "metadata"}
//     {"event": "message", "call", "message"}
//     {"event": "status", "call", "code", "details", "metadata"}
'use strict';

const readline = require('node:readline');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const NO_COMPRESS = 2;
const GZIP = 2;

const [, , protoFile, address] = process.argv;
const loaded = grpc.loadPackageDefinition(
  protoLoader.loadSync(protoFile, { bytes: String, longs: String, enums: String }),
);
const contract = loaded.penstock.interop.v1;
const options = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.use_local_subchannel_pool': 1,
};
const connections = new Map();
const calls = new Map();

function tell(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function clientOf(service, isCompressing) {
  const key = `${service} ${isCompressing}`;
  if (!connections.has(key)) {
    const more = isCompressing ? { 'grpc.default_compression_algorithm': GZIP } : {};
    const credentials = grpc.credentials.createInsecure();
    connections.set(key, new contract[service](address, credentials, { ...options, ...more }));
  }
  return connections.get(key);
}

function metadataOf(pairs) {
  const metadata = new grpc.Metadata();
  for (const [key, value] of pairs) {
    metadata.add(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  return metadata;
}

function pairsOf(metadata) {
  const text = (value) => (Buffer.isBuffer(value) ? value.toString('base64') : value);
  return Object.keys(metadata.getMap()).flatMap((key) =>
    metadata.get(key).map((value) => [key, text(value)]),
  );
}

function watch(number, call) {
  call.on('metadata', (metadata) =>
    tell({ event: 'initial', call: number, metadata: pairsOf(metadata) }),
  );
  call.on('data', (message) => tell({ event: 'message', call: number, message }));
  call.on('status', ({ code, details, metadata }) =>
    tell({ event: 'status', call: number, code, details, metadata: pairsOf(metadata) }),
  );
  // The status says it all, but an error that nobody listens to ends the process.
  call.on('error', () => {});
  return call;
}

const verbs = {
  open({ call, service, method, metadata, timeoutMs, isCompressing }) {
    const client = clientOf(service, isCompressing);
    const shape = contract[service].service[method];
    const rest = [metadataOf(metadata)];
    rest.push(timeoutMs === null ? {} : { deadline: Date.now() + timeoutMs });
    if (!shape.responseStream) {
      rest.push((error, message) => {
        if (!error) tell({ event: 'message', call, message });
      });
    }
    const begin = (...first) => watch(call, client[method](...first, ...rest));
    calls.set(call, shape.requestStream ? begin() : { begin });
  },

  send({ call, message, isCompressed }) {
    const found = calls.get(call);
    if (found.begin) calls.set(call, found.begin(message));
    else if (!found.writableEnded) found.write(message, isCompressed ? 0 : NO_COMPRESS);
  },

  halfClose({ call }) {
    const found = calls.get(call);
    if (found.end) found.end();
  },

  cancel({ call }) {
    calls.get(call).cancel();
  },
};

readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line);
    verbs[command.verb](command);
  })
  .on('close', () => process.exit(0));
