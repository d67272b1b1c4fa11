// The calls of the owner's documents, as they stand there, but for the address and the token of a program.
//
//   node t/api/seeds.mjs URL TOKEN PUBLIC_DIR      prints TAP
import { readFileSync } from 'node:fs';

const [base, token, dir] = process.argv.slice(2);
let n = 0, failed = 0;
function is(got, want, name) {
	const good = JSON.stringify(got) === JSON.stringify(want);
	n++;
	if (!good) failed++;
	console.log(`${good ? 'ok' : 'not ok'} ${n} - ${name}`);
	if (!good) console.log(`# got: ${JSON.stringify(got)}\n# want: ${JSON.stringify(want)}`);
	return good;
}
const ok = (good, name) => is(!!good, true, name);

const over = globalThis.fetch;
const fetch = (path, init = {}) => over(new URL(path, base), { ...init, headers: { Authorization: `Bearer ${token}`, ...init.headers } });
globalThis.fetch = fetch;
const headers = { 'Content-Type': 'application/json' };
const text = (content, name, type = 'text/csv') => { const form = new FormData(); form.append('file', new Blob([content], { type }), name); return form; };

// ---- 001: CSV files alone ----------------------------------------------------------------------------
{
	const made = await fetch('/processing_file/', { method: 'POST', body: text('a,b\n1,2\n', 'orders.csv') });
	is(made.status, 201, '001: a CSV file is taken');
	const { job } = await made.json();
	is((await fetch('/processing_file/', { method: 'POST', body: text('plain text', 'x.bin', 'application/octet-stream') })).status, 415, '001: nothing else is');
	const detail = await fetch(`/processing_file/${job.id}/detail/`, { headers: { 'HX-Request': 'true', Accept: 'text/html' } });
	is([detail.status, /orders\.csv/.test(await detail.text())], [200, true], '001: its popup');
	for (let i = 0; i < 100 && (await (await fetch(`/api/jobs/${job.id}`)).json()).job.status !== 'completed'; i++)
		await new Promise((resolve) => setTimeout(resolve, 100));
	is((await fetch(`/processing_file/${job.id}/`, { method: 'DELETE', headers: { Accept: 'application/json' } })).status, 200, '001: DELETE of a finished one');
	is((await (await fetch(`/api/jobs/${job.id}`)).json()).job.status, 'removed', '001: removes its files');
	const waiting = await (await fetch('/jobs', { method: 'POST', body: (() => { const f = text('x\n', 'w.txt', 'text/plain'); f.append('run_at', '+1h'); return f; })(), headers: { Accept: 'application/json' } })).json();
	await fetch(`/processing_file/${waiting.jobs[0].id}/`, { method: 'DELETE', headers: { Accept: 'application/json' } });
	is((await (await fetch(`/api/jobs/${waiting.jobs[0].id}`)).json()).job.status, 'cancelled', '001: any other is cancelled');
}

// ---- 002: the polling library ------------------------------------------------------------------------
{
	globalThis.document = { activeElement: null };
	const Plain = FormData;
	globalThis.FormData = class { constructor(form) { return form ? form.data : new Plain(); } };
	(0, eval)(readFileSync(`${dir}/js/job-polling.js`, 'utf8'));
	const seen = [];
	const form = { action: '/jobs', contains: () => false, data: text('p,q\n5,6\n', 'bill.csv') };
	const job = await JobPoller.submitFormAsync(form);
	ok(job && job.job_id && job.status_url && job.message, '002: submitFormAsync gives job_id, status_url, message');
	const data = await new Promise((resolve, reject) => JobPoller.pollUntilComplete(job.job_id, job.status_url, {
		onProgress: (d) => seen.push(d.status),
		onComplete: resolve, onError: reject, onCancel: reject,
	}, 50));
	is(data.status, 'completed', '002: pollUntilComplete comes to onComplete');
	is(Object.keys(data).filter((k) => ['status', 'progress', 'current_step', 'outputs', 'error_message'].includes(k)).length, 5, '002: with all fields');
	const output = data.outputs.find((o) => o.filename === 'profile.json');
	is(output.file_type, 'application/json', '002: outputs have a type');
	is((await (await fetch(output.download_url)).json()).rows, 1, '002: and can be downloaded');
	const refused = await JobPoller.submitFormAsync({ action: '/jobs', contains: () => false, data: text('', 'empty.csv') });
	is([refused, /empty/.test(JobPoller.error)], [null, true], '002: a refusal is null, and says why');
}

// ---- 003: jobs with a name, moved by hand ------------------------------------------------------------
{
	const made = await fetch('/api/jobs/', { method: 'POST', headers, body: JSON.stringify({ name: 'a computation' }) });
	const { job } = await made.json();
	is([made.status, job.name, job.status], [201, 'a computation', 'pending'], '003: create; PENDING at first');
	is((await fetch('/api/jobs/', { method: 'POST', headers, body: '{}' })).status, 422, '003: the name is required');
	const list = await (await fetch('/api/jobs/')).json();
	is([list.jobs[0].id, list.jobs[0].status], [job.id, 'pending'], '003: the list has the latest status');
	for (const status of ['RUNNING', 'COMPLETED'])
		is((await fetch(`/api/jobs/${job.id}/`, { method: 'PATCH', headers, body: JSON.stringify({ status }) })).status, 200, `003: PATCH ${status}`);
	const { statuses } = await (await fetch(`/api/jobs/${job.id}/statuses/`)).json();
	is(statuses.map((s) => s.status), ['pending', 'processing', 'completed'], '003: each made an entry');
	const wrong = await fetch(`/api/jobs/${job.id}/`, { method: 'PATCH', headers, body: JSON.stringify({ status: 'PENDING', error: 'x' }) });
	ok(wrong.status === 409 || wrong.status === 422, '003: what the state does not allow is refused');
	is((await fetch(`/api/jobs/${job.id}/`, { method: 'DELETE' })).status, 204, '003: DELETE');
	is((await fetch(`/api/jobs/${job.id}/`)).status, 404, '003: and it is gone');
}

// ---- 004: jobs of a project --------------------------------------------------------------------------
{
	const made = await (await fetch('/api/project/1/jobs?job_type=manual', { method: 'POST' })).json();
	is(Object.keys(made).filter((k) => ['message', 'job_id', 'status'].includes(k)), ['message', 'job_id', 'status'], '004: create');
	is(made.status, 'pending', '004: pending');
	const of = await (await fetch('/api/project/1/jobs')).json();
	ok(of.jobs.some((job) => job.id === made.job_id) && of.count >= 1, '004: the list of the project has it, and a count');

	const upload = await (await fetch('/api/project/1/jobs', { method: 'POST', body: text('a,b\n1,2\n', 'elements.csv') })).json();
	const job_id = upload.job_id;
	let said = '';
	const done = await new Promise((resolve) => {
		// As in the document.
		const checkStatus = async () => {
			const statusResponse = await fetch(`/api/jobs/${job_id}`);
			const { job } = await statusResponse.json();

			if (job.status === 'completed') {
				said = job.result; resolve(job);
			} else if (job.status === 'failed') {
				said = job.error; resolve(job);
			} else {
				setTimeout(checkStatus, 100);
			}
		};
		checkStatus();
	});
	is(done.status, 'completed', '004: monitored until it is completed');
	ok(said, '004: with a result in words');
	for (const field of ['id', 'project_id', 'job_type', 'status', 'progress', 'total_items', 'processed_items', 'created_by',
		'created_at', 'updated_at', 'completed_at', 'error', 'result'])
		ok(field in done, `004: a job has ${field}`);
	is((await fetch('/api/project/99/jobs')).status, 404, '004: another project is not there');
}

console.log(`1..${n}`);
process.exit(failed ? 1 : 0);
