// Holds recorded frames against the schemas of npm `typed-ocpp`, which neither end uses. One JSON line per frame on
// stdin: {group, version, outbound, frame}; a group is one connection's worth of unique message ids. At the end one
// JSON object: how many frames, what is wrong, and which actions were seen of all there are.
import { createInterface } from 'node:readline';
import { OCPP16, OCPP20, OCPP21 } from 'typed-ocpp';

const books = { 1.6: OCPP16, '2.0.1': OCPP20, 2.1: OCPP21 };
const calls = new Map();
const wrong = [];
const seen = {};
let frames = 0;

// Its validator drops what a schema does not know instead of complaining: what changed was wrong.
function holds(judge, message, ...more) {
  const before = JSON.stringify(message);
  if (!judge(message, ...more)) return judge.errors.join('; ');
  return JSON.stringify(message) === before ? '' : 'a property that the schema does not know';
}

function judged({ group, version, outbound, frame }) {
  const book = books[version];
  const message = JSON.parse(frame);
  const [kind, id] = message;
  if (kind === 2) {
    calls.set(`${group} ${outbound} ${id}`, message);
    (seen[version] ??= new Set()).add(message[2]);
    return holds(book.validateCall, structuredClone(message));
  }
  const call = calls.get(`${group} ${!outbound} ${id}`);
  if (!call) return 'an answer to nothing';
  if (kind === 3) {
    return holds(book.validateCallResult, structuredClone(message))
      || holds(book.checkCallResult, structuredClone(message), call);
  }
  return holds(book.validateCallError, structuredClone(message));
}

createInterface({ input: process.stdin }).on('line', (text) => {
  const line = JSON.parse(text);
  frames += 1;
  const why = judged(line);
  if (why) wrong.push({ why, version: line.version, frame: line.frame.slice(0, 500) });
}).on('close', () => {
  const unseen = Object.fromEntries(Object.entries(seen).map(([version, names]) =>
    [version, Object.values(books[version].Action).filter((name) => !names.has(name))]));
  process.stdout.write(JSON.stringify({ frames, wrong, unseen }) + '\n');
});
