// The API document and the site agree: every operation is called through a proxy that compares each request and
// answer with the document, and generated requests, right and wrong, are answered as it says.
//
//   node t/api/document.mjs URL PRISM_URL DOCUMENT REQUESTS TOKEN      prints TAP
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';

const [url, prism, file, count, token] = process.argv.slice(2);
const bearer = { Authorization: `Bearer ${token}` };
const doc = JSON.parse(readFileSync(file, 'utf8'));
let n = 0, failed = 0;

function ok(good, name, detail) {
	n++;
	if (!good) failed++;
	console.log(`${good ? 'ok' : 'not ok'} ${n} - ${name}`);
	if (!good && detail !== undefined) console.log(String(detail).slice(0, 3000).replace(/^/gm, '# '));
	return good;
}

// ---- every operation ---------------------------------------------------------------------------------
const called = new Set();
const json = { 'Content-Type': 'application/json', Accept: 'application/json' };

async function call(method, pattern, { path = {}, query = '', status = [200], ...init } = {}) {
	called.add(`${method} ${pattern}`);
	const target = pattern.replace(/\{(\w+)\}/g, (all, name) => encodeURIComponent(path[name])) + query;
	const response = await fetch(prism + target, { method, redirect: 'manual', ...init, headers: { ...bearer, ...init.headers } });
	const text = await response.text();
	const violation = /stoplight\.io\/prism/.test(text);
	ok(!violation && status.includes(response.status), `${method} ${target}: ${response.status}`, text);
	try { return JSON.parse(text); } catch { return text; }
}

function form(fields) {
	const body = new FormData();
	for (const [name, value, filename] of fields)
		if (filename) body.append(name, new Blob([value]), filename);
		else body.append(name, value);
	return { body, headers: { Accept: 'application/json' } };
}

const accept = { headers: { Accept: 'application/json' } };
const send = (data) => ({ headers: json, body: JSON.stringify(data) });
const plain = { headers: { Accept: 'application/json', 'Content-Type': 'application/x-www-form-urlencoded' } };

async function until(check) {
	for (let i = 0; i < 200; i++) {
		if (await check()) return true;
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
	return false;
}
const get = async (path) => (await fetch(url + path, { headers: { ...bearer, ...accept.headers } })).json();

async function operations() {
	const [a, b] = (await call('POST', '/jobs', { status: [201], ...form([['files', 'a,b\n1,2\n', 'a.csv'], ['files', 'text\n', 'b.txt']]) })).jobs;
	const raw = (await call('PUT', '/jobs/upload/{filename}', { path: { filename: 'c.txt' }, status: [201], body: 'hello\n',
		headers: { Accept: 'application/json', 'Content-Type': 'application/octet-stream' } })).jobs[0];
	await until(async () => (await get(`/api/jobs/${a.id}`)).job.status === 'completed' && (await get(`/api/jobs/${b.id}`)).job.status === 'completed');
	const job = { job: a.uuid };

	await call('GET', '/jobs/table', accept);
	await call('GET', '/jobs/form', { query: '?new=inspect' });
	await call('GET', '/jobs/admit', { query: '?size=10', status: [204], ...accept });
	await call('GET', '/jobs/{job}', { path: job, ...accept });
	await call('GET', '/jobs/{job}', { path: { job: '99999' }, status: [404], ...accept });
	await call('GET', '/jobs/{job}/detail', { path: job, ...accept });
	await call('GET', '/jobs/{job}/files', { path: job, ...accept });
	await call('GET', '/jobs/{job}/files/in/{name}', { path: { ...job, name: 'a.csv' } });
	await call('GET', '/jobs/{job}/files/out/{path}', { path: { ...job, path: 'profile.json' } });
	await call('GET', '/jobs/{job}/files.zip', { path: job, status: [200, 202], ...accept });
	await call('GET', '/jobs/{job}/log', { path: job, ...accept });
	await call('POST', '/jobs/{job}/resume', { path: { job: a.uuid }, status: [409], ...plain });
	const later = (await call('POST', '/api/jobs', { status: [201], ...send({ name: 'later', job_type: 'manual', run_at: '+1h' }) })).job;
	await call('POST', '/jobs/{job}/pause', { path: { job: later.uuid }, ...plain });
	await call('POST', '/jobs/{job}/cancel', { path: { job: later.uuid }, ...plain });
	await call('POST', '/jobs/{job}/retry', { path: { job: later.uuid }, ...plain });
	await call('POST', '/jobs/{job}/delete', { path: { job: later.uuid }, status: [204], ...plain });
	await call('DELETE', '/jobs/{job}', { path: { job: raw.uuid }, status: [204], ...accept });

	const bulk = await call('POST', '/jobs/bulk', { body: `action=cancel&ids=${raw.id},999999`, ...plain });
	ok(bulk.count === 0 && bulk.skipped === 2, 'what is not there is skipped');

	const hand = (await call('POST', '/api/jobs', { status: [201], ...send({ name: 'by hand' }) })).job;
	await call('PATCH', '/api/jobs/{job}', { path: { job: hand.id }, ...send({ status: 'RUNNING', progress: 40, current_step: 'turning' }) });
	await call('PATCH', '/api/jobs/{job}', { path: { job: a.id }, status: [409], ...send({ status: 'failed' }) });
	await call('POST', '/jobs/{job}/move', { path: { job: hand.id }, body: 'status=completed', ...plain });
	await call('GET', '/api/jobs/{job}', { path: { job: hand.id } });
	await call('GET', '/api/jobs/{job}/status', { path: { job: a.id } });
	await call('GET', '/api/jobs/{job}/statuses', { path: { job: hand.id } });
	await call('DELETE', '/api/jobs/{job}', { path: { job: hand.id }, status: [204] });
	await call('GET', '/api/jobs', { query: '?status=completed&limit=1' });
	await call('GET', '/api/project/{project}/jobs', { path: { project: '1' } });
	await call('GET', '/api/project/{project}/jobs', { path: { project: 'nowhere' }, status: [404] });
	await call('POST', '/api/project/{project}/jobs', { path: { project: '1' }, query: '?job_type=manual', status: [201], ...accept });
	await call('GET', '/api/openapi.json');

	const csv = (await call('POST', '/processing_file', { status: [201], ...form([['file', 'a,b\n3,4\n', 'd.csv']]) })).job;
	await call('POST', '/processing_file', { status: [415], ...form([['file', 'no table', 'e.png']]) });
	await call('GET', '/processing_file/{job}/detail', { path: { job: csv.id }, ...accept });
	await until(async () => (await get(`/api/jobs/${csv.id}`)).job.status === 'completed');
	await call('DELETE', '/processing_file/{job}', { path: { job: csv.id }, ...accept });

	for (const name of ['w1', 'w2'])
		await call('POST', '/api/jobs', { status: [201], ...send({ name, job_type: 'elsewhere' }) });
	const claims = (await call('POST', '/api/work/claim', send({ types: ['elsewhere'], want: 2, lease_seconds: 60 }))).jobs;
	ok(claims.length === 2, 'two jobs are claimed');
	const [one, two] = claims.map(({ id, lease_token }) => ({ path: { job: id }, lease_token }));
	await call('POST', '/api/work/{job}/heartbeat', { path: one.path, ...send({ lease_token: one.lease_token }) });
	await call('POST', '/api/work/{job}/progress', { path: one.path, ...send({ lease_token: one.lease_token, progress: 50 }) });
	await call('POST', '/api/work/{job}/complete', { path: one.path, ...form([['lease_token', one.lease_token], ['result', 'done'], ['files', 'out\n', 'out.txt']]) });
	await call('POST', '/api/work/{job}/complete', { path: one.path, status: [409], ...send({ lease_token: one.lease_token }) });
	await call('POST', '/api/work/{job}/fail', { path: two.path, ...send({ lease_token: two.lease_token, error: 'no luck' }) });

	for (const [path, methods] of Object.entries(doc.paths))
		for (const method of Object.keys(methods))
			ok(called.has(`${method.toUpperCase()} ${path}`), `${method.toUpperCase()} ${path} is called here`);
}

// ---- generated requests ------------------------------------------------------------------------------
const ajv = new Ajv({ strict: false, allErrors: false });
addFormats(ajv);
ajv.addSchema(doc, 'doc');
const validators = new Map();

function resolve(node) {
	return node && node.$ref ? node.$ref.slice(2).split('/').reduce((at, key) => at[key], doc) : node;
}

// A problem's JSON, or an answer's, against what the document says of this status.
function matches(path, method, status, type, text) {
	const declared = resolve(doc.paths[path][method].responses[status]);
	if (!declared) return `status ${status} is not declared`;
	if (!declared.content || !/json/.test(type)) return '';
	const media = type.split(';')[0];
	if (!declared.content[media]) return `${media} is not declared for ${status}`;
	const key = `${path} ${method} ${status} ${media}`;
	if (!validators.has(key)) {
		const at = doc.paths[path][method].responses[status];
		const pointer = at.$ref ? at.$ref.slice(1) : `/paths/${path.replace(/~/g, '~0').replace(/\//g, '~1')}/${method}/responses/${status}`;
		validators.set(key, ajv.compile({ $ref: `doc#${encodeURI(pointer)}/content/${media.replace(/\//g, '~1')}/schema` }));
	}
	const valid = validators.get(key);
	return valid(JSON.parse(text)) ? '' : ajv.errorsText(valid.errors);
}

const anything = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.integer(), fc.double({ noNaN: true }), fc.boolean(),
	fc.constantFrom(null, '', '0', '-1', '9223372036854775807', '1e9', "' OR 1=1 --", '<b>', '%00', '../../etc/passwd'));

function fitting(schema) {
	const s = resolve(schema);
	if (s.enum) return fc.constantFrom(...s.enum);
	if (s.type === 'integer') return fc.integer({ min: Math.max(s.minimum ?? -1e9, -1e9), max: Math.min(s.maximum ?? 1e9, 1e9) });
	if (s.type === 'array') return fc.array(fc.constantFrom('elsewhere', 'inspect', 'x'), { minLength: 1, maxLength: 2 });
	if (s.type === 'object') return fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 });
	if (s.description && /^a state/.test(s.description)) return fc.constantFrom('pending', 'RUNNING', 'ok', 'failed', 'cancelled');
	return fc.string({ minLength: s.minLength ?? 0, maxLength: Math.min(s.maxLength ?? 20, 40) });
}

// An input now and then, as it should be or as it should not.
const inputs = (list) => fc.record(Object.fromEntries(list.map(([name, schema]) =>
	[name, fc.oneof({ weight: 3, arbitrary: fitting(schema) }, { weight: 2, arbitrary: anything })])), { requiredKeys: [] });

const requests = Object.entries(doc.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, op]) => {
	const query = inputs((op.parameters ?? []).filter((p) => p.in === 'query').map((p) => [p.name, p.schema]));
	const content = op.requestBody?.content ?? {};
	const type = content['application/json'] ? 'application/json' : Object.keys(content)[0];
	const body = type === 'application/json' || type === 'application/x-www-form-urlencoded'
		? inputs(Object.entries(resolve(content[type].schema).properties ?? {})) : fc.oneof(fc.constant(undefined), fc.string());
	const capture = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 40 }).map(String) },
		{ weight: 1, arbitrary: fc.string({ minLength: 1 }) }, { weight: 1, arbitrary: fc.uuid() });
	return fc.record({ path: fc.constant(path), method: fc.constant(method), type: fc.constant(type), query, body, capture });
}));

async function ask({ path, method, type, query, body, capture }) {
	const at = path.replace(/\{\w+\}/g, () => encodeURIComponent(capture).replace(/^\.{1,2}$/, 'x'));
	const search = new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)])).toString();
	const init = { method: method.toUpperCase(), redirect: 'manual', headers: { Accept: 'application/json', ...bearer } };
	if (type) {
		init.headers['Content-Type'] = type === 'multipart/form-data' ? `${type}; boundary=x` : type;
		init.body = body === undefined ? '' : typeof body === 'string' ? body
			: type === 'application/json' ? JSON.stringify(body) : new URLSearchParams(Object.entries(body).map(([k, v]) => [k, String(v)])).toString();
	}
	const response = await fetch(`${url}${at}${search ? `?${search}` : ''}`, init);
	const text = await response.text();
	if (response.status >= 500 && response.status !== 503 && response.status !== 507)
		return `${response.status} ${text}`;
	return matches(path, method, response.status, response.headers.get('content-type') ?? '', text);
}

async function generated() {
	const wrong = [];
	let done = 0;
	await fc.assert(fc.asyncProperty(fc.array(fc.oneof(...requests), { minLength: 10, maxLength: 10 }), async (batch) => {
		const answers = await Promise.all(batch.map((request) => ask(request)));
		done += batch.length;
		answers.forEach((why, i) => { if (why) wrong.push(`${batch[i].method} ${batch[i].path}: ${why} ${JSON.stringify(batch[i])}`); });
	}), { numRuns: Math.ceil(count / 10), seed: 20261122 });
	ok(done >= count, `${done} generated requests`);
	ok(!wrong.length, 'each answered as the document says', [...new Set(wrong)].slice(0, 8).join('\n'));
}

await operations();
await generated();
console.log(`1..${n}`);
process.exit(failed ? 1 : 0);
