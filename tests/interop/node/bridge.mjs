// One end of OCPP by npm `ocpp-rpc` in strict mode: a central system, or stations. What to say is decided by the
// test: commands come as JSON lines on stdin, what happens goes out as JSON lines on stdout.
import { createInterface } from 'node:readline';
import rpc from 'ocpp-rpc';

const { RPCClient, RPCServer } = rpc;
const protocols = ['ocpp1.6', 'ocpp2.0.1'];
const ends = new Map(); // identity -> RPCClient, or the server's side of one
const refused = new Set(); // identities that are not let in
const asked = new Map(); // number of a question to the test -> how to answer it
let questions = 0;

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');

function adopt(end, identity = end.identity) {
  ends.set(identity, end);
  end.on('strictValidationFailure', ({ method, error, outbound, isCall }) =>
    say({ failure: { identity, method, outbound, isCall, why: error.message, details: error.details?.errors } }));
  end.on('badMessage', ({ buffer, error }) =>
    say({ failure: { identity, why: error.message, frame: buffer.toString() } }));
  end.handle(({ method, params }) => new Promise((resolve, reject) => {
    asked.set(++questions, { resolve, reject });
    say({ ask: questions, identity, protocol: end.protocol, action: method, payload: params });
  }));
}

const commands = {
  async serve() {
    const server = new RPCServer({ protocols, strictMode: true });
    server.auth((accept, reject, { identity }) => (refused.has(identity) ? reject(503, 'out of order') : accept()));
    server.on('client', (end) => adopt(end));
    const http = await server.listen(0, '127.0.0.1');
    return { port: http.address().port };
  },
  async connect({ endpoint, identity, protocol, password }) {
    const end = new RPCClient({
      endpoint, identity, password, protocols: [protocol], strictMode: true, reconnect: false,
    });
    adopt(end, identity);
    await end.connect();
    return { protocol: end.protocol };
  },
  async call({ identity, action, payload }) {
    return ends.get(identity).call(action, payload);
  },
  async close({ identity }) {
    return ends.get(identity).close();
  },
  async refuse({ identity }) {
    refused.add(identity);
    await ends.get(identity).close({ force: true });
  },
  async admit({ identity }) {
    refused.delete(identity);
  },
  async end() {
    setImmediate(() => process.exit(0));
  },
};

createInterface({ input: process.stdin }).on('line', async (text) => {
  const line = JSON.parse(text);
  if ('reply' in line) {
    const question = asked.get(line.reply);
    asked.delete(line.reply);
    if (line.error) question.reject(rpc.createRPCError(line.error));
    else question.resolve(line.payload);
    return;
  }
  try {
    say({ done: line.id, result: (await commands[line.do](line)) ?? {} });
  } catch (error) {
    say({ done: line.id, error: { code: error.rpcErrorCode ?? error.name, why: error.message } });
  }
}).on('close', () => process.exit(0));
