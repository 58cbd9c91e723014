// A worker for suites of Node's own test runner, `node:test` (Node 20 or later), by docs/worker-protocol.md:
//     callsheet --suite custom --worker-command 'node node_test_worker.mjs' [FILE | DIRECTORY]...
// Each file is an item, as node:test runs each in a process of its own; the tests in it are told as its subtests.
import fs from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';

// Nothing that Node starts inherits these descriptors; nothing shall find their names either.
const [setupFd, queue, events] = ['SETUP', 'QUEUE', 'EVENTS'].map((name) => {
  const fd = Number(process.env[`CALLSHEET_${name}_FD`]);
  delete process.env[`CALLSHEET_${name}_FD`];
  return fd;
});
const setup = JSON.parse(fs.readFileSync(setupFd, 'utf8'));
fs.closeSync(setupFd);

function say(event) {
  const line = Buffer.from(JSON.stringify(event) + '\n');
  for (let at = 0; at < line.length; ) at += fs.writeSync(events, line, at);
}

const message = Buffer.alloc(64 * 1024);
function take() {
  const length = fs.readSync(queue, message); // Waits. One read, one message.
  if (length === 0) process.exit(71); // The agent is gone.
  return JSON.parse(message.toString('utf8', 0, length));
}

function refuse(reason) {
  say({ t: 'stopping', reason, exit_code: 4, kind: 'usage' });
  say({ t: 'finished', exit_code: 4 });
  process.exit(0);
}

function collect() {
  const isTest = (file) => /(^|\/)(test|test-[^/]+|[^/]+[._-]test)\.[cm]?js$/.test(file) && !/(^|\/)node_modules\//.test(file);
  const found = (setup.args.length ? setup.args : ['.']).flatMap((name) => {
    const place = path.resolve(setup.root, name);
    if (!fs.existsSync(place)) refuse(`there is no file or directory \`${name}\``);
    if (!fs.statSync(place).isDirectory()) return [place];
    return fs.readdirSync(place, { recursive: true }).filter(isTest).map((file) => path.join(place, file));
  });
  return [...new Set(found.map((file) => path.relative(setup.root, file)))].sort();
}

function report(i, fields) {
  say({ t: 'report', i, phase: 'call', category: 'failed', letter: 'F', word: 'FAILED', failed: false, ...fields });
}

const told = (error) => ({ text: String(error.stack ?? error), brief: String(error.message ?? error).split('\n')[0] });

// One test of a file, in the words of pytest's subtests. Gives whether it fails the file.
function tellPart(i, name, passed, { skip, todo, details: { error } }) {
  const reason = (said) => (said === true ? 'no reason given' : said);
  const part = (kind, fields) => report(i, { letter: 'u', word: `SUB${kind}[${name}]`, location: files[i], ...fields });
  if (skip !== undefined) part('SKIPPED', { category: 'skipped', letter: '-', brief: reason(skip) });
  else if (todo !== undefined) part('TODO', { category: passed ? 'xpassed' : 'xfailed', letter: 'y', brief: reason(todo) });
  else if (passed) part('PASSED', { category: 'subtests passed' });
  else part('FAILED', { failed: true, headline: `${files[i]} [${name}]`, ...told(error.cause ?? error) });
  return !passed && skip === undefined && todo === undefined;
}

async function runItem(i) {
  const [file, names, started, begun] = [path.resolve(setup.root, files[i]), [], Date.now() / 1000, performance.now()];
  let [output, parts, failed, brief, outcome] = ['', 0, 0, '', 'passed'];
  say({ t: 'start', i });
  for await (const { type, data } of run({ files: [file], concurrency: 1 })) {
    if (type === 'test:stdout' || type === 'test:stderr') output += data.message;
    if (type === 'test:start') names.splice(data.nesting, Infinity, data.name);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { error, type: kind } = data.details;
    if (data.name === file && error) { // The process itself: it failed outside of its tests.
      brief = error.signal ? `its process was killed by ${error.signal}` : `its process ended with exit code ${error.exitCode}`;
      outcome = error.signal ? 'crashed' : 'failed';
    } else if (error?.failureType !== 'subtestsFailed' && (error || kind !== 'suite')) { // Else it is what its subtests are.
      parts += 1;
      failed += tellPart(i, [...names.slice(0, data.nesting), data.name].join(' > '), type === 'test:pass', data);
    }
  }
  const d = (performance.now() - begun) / 1000;
  if (failed && !brief) [brief, outcome] = [`contains ${failed} failed subtest${failed === 1 ? '' : 's'}`, 'failed'];
  const sections = output ? [['Captured output', output]] : [];
  if (brief) report(i, { failed: true, headline: files[i], brief, text: brief, sections, d });
  else if (parts) report(i, { category: 'passed', letter: '.', word: 'PASSED', d });
  say({ t: 'end', i, o: outcome, d: [0, d, 0], s: started });
  return outcome !== 'passed';
}

if (setup.protocol !== 1) refuse(`node_test_worker speaks version 1 of the worker protocol, not ${setup.protocol}`);
const files = collect();
const about = { executable: process.execPath, runtime: '', framework: `node:test, Node ${process.version}`, platform: process.platform };
say({ t: 'ready', protocol: 1, pid: process.pid, cwd: process.cwd(), summary_letters: 'fE', ...about });
for (let at = 0; at < files.length; at += 1000) say({ t: 'items', items: files.slice(at, at + 1000).map((id) => [id, Buffer.byteLength(id)]) });
say({ t: 'collected', count: files.length, deselected: 0 });
let failures = 0;
for (let next = take(); !next.finish && !next.interrupt; next = take()) {
  if (next.run !== undefined) failures += await runItem(next.run);
}
say({ t: 'finished', exit_code: failures ? 1 : 0 });
