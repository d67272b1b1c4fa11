// What the browser tests share: a Chromium of their own, pages that remember everything that should not
// have happened in them (errors, refusals of the Content-Security-Policy, requests to other hosts), and TAP.
//
// The wrapper (t/lib/Dropmill/Browser.pm) gives DROPMILL_URL, and SHOTS, where screenshots go.
import axe_core from 'axe-core';
import { chromium } from 'playwright-core';
import { mkdtempSync, rmSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const url = process.env.DROPMILL_URL;
export const shots = process.env.SHOTS;
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- TAP ------------------------------------------------------------------------------------------
let number = 0, failures = 0;

export function ok(good, name, about) {
	console.log(`${good ? 'ok' : 'not ok'} ${++number} - ${name}`);
	if (!good) {
		failures++;
		if (about !== undefined)
			console.log(String(typeof about === 'string' ? about : JSON.stringify(about, null, 1)).replace(/^/gm, '# '));
	}
	return good;
}

export const is = (got, want, name) => ok(got === want, name, `got: ${got}\nwanted: ${want}`);

// Wait until the condition (async) holds; true if it came to.
export async function until(condition, seconds = 20) {
	for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) {
		if (await condition())
			return true;
	}
	return false;
}

// ---- browser --------------------------------------------------------------------------------------
const home = mkdtempSync(join(tmpdir(), 'dm-browser-'));
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
	env: { ...process.env, HOME: home },
	args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-quic', '--no-first-run',
		'--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const watched = []; // a list per page
const waiting = new Map(); // requests without an answer yet, and since when

// What should not have happened in a page, from now on. Each failed request is judged by the reason the
// network gave: a poll under way when the page is left is aborted, and any other reason (a reset, an empty
// answer) is ours to answer for. That an aborted poll is reported by htmx too, if it still can, tells nothing.
export function watch(page, expected = [], origin = url) {
	const found = [];
	const note = (text) => expected.some((e) => e.test(text)) || found.push(`on ${page.url()}: ${text}`);
	page.on('console', (message) => {
		if (['error', 'warning'].includes(message.type()) && !/Failed to fetch/.test(message.text()))
			note(`${message.type()}: ${message.text()}`);
	});
	page.on('requestfinished', (request) => waiting.delete(request));
	page.on('requestfailed', (request) => {
		waiting.delete(request);
		const why = request.failure()?.errorText;
		if (why !== 'net::ERR_ABORTED')
			note(`${request.method()} ${request.url()} failed: ${why}`);
	});
	page.on('pageerror', (error) => note(`error: ${error.stack}`));
	page.on('request', (request) => {
		waiting.set(request, Date.now());
		if (!request.url().startsWith(`${origin}/`) && !/^(data|blob|about):/.test(request.url()))
			note(`request to ${request.url()}`);
	});
	return found;
}

export const bare = () => browser.newPage(); // one that nobody watches yet

// A page in a profile of its own. `expected`: what the test provokes.
export async function open(path, options = {}, expected = []) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
	const page = await context.newPage();
	page.setDefaultTimeout(40000);
	watched.push(watch(page, expected));
	if (options.javaScriptEnabled !== false) {
		await page.addInitScript(() => addEventListener('securitypolicyviolation',
			(event) => console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`)));
	}
	await page.goto(url + path);
	return page;
}

export async function end() {
	await browser.close();
	rmSync(home, { recursive: true, force: true, maxRetries: 5 });
	const unwanted = watched.flat();
	ok(unwanted.length === 0, 'no errors, no policy violations, no requests to other hosts', unwanted.join('\n'));
	console.log(`1..${number}`);
	process.exit(failures ? 1 : 0);
}

// Something was not there: what was seen until then counts, and this is the failure.
process.on('uncaughtException', async (error) => {
	ok(false, 'the test goes on', [error.stack, ...[...waiting].map(([request, since]) =>
		`no answer for ${Date.now() - since} ms: ${request.method()} ${request.url()}`)].join('\n'));
	await end();
});

// What axe finds in a page as it is now; by all rules, or by those named.
export async function axe(page, name, rules) {
	await page.evaluate(axe_core.source);
	const found = await page.evaluate((only) => window.axe.run(document, { resultTypes: ['violations'],
		...(only && { runOnly: only }) }).then((result) => result.violations), rules);
	ok(found.length === 0, `${name}: axe finds nothing`,
		found.map((f) => `${f.id}: ${f.help}\n${f.nodes.map((n) => `  ${n.html}\n  ${n.failureSummary}`).join('\n')}`).join('\n'));
}

// ---- the product ----------------------------------------------------------------------------------
export async function upload(name, content, type) {
	const query = type ? `?type=${type}` : '';
	const answer = await fetch(`${url}/jobs/upload/${encodeURIComponent(name)}${query}`,
		{ method: 'PUT', body: content, headers: { Accept: 'application/json' } });
	if (answer.status !== 201)
		throw new Error(`upload of ${name}: ${answer.status} ${await answer.text()}`);
	return (await answer.json()).jobs[0];
}

export const cli = (...args) => execFileSync(process.env.DROPMILL, args, { encoding: 'utf8' });

export async function job(uuid) {
	const answer = await fetch(`${url}/jobs/${uuid}`, { headers: { Accept: 'application/json' } });
	return answer.status === 200 ? (await answer.json()).job : null;
}

export const ended = (uuid, status = 'completed') =>
	until(async () => (await job(uuid))?.status === status);

// The row of a job by its name, and the word of its state.
export const row = (page, name) => page.locator('#jobs tbody tr', { hasText: name });
export const state = (page, name) => row(page, name).locator('.status').innerText();

// Files ([name, content, type]) dropped on the page, as a file manager does it.
export async function drop(page, files) {
	const transfer = await page.evaluateHandle((list) => {
		const data = new DataTransfer();
		for (const [name, content, type] of list)
			data.items.add(new File([content], name, { type }));
		return data;
	}, files);
	await page.dispatchEvent('#main', 'dragover', { dataTransfer: transfer });
	await page.dispatchEvent('#main', 'drop', { dataTransfer: transfer });
}
