// Reads pages as a browser does and says whether what people wrote is text in them and nothing else.
//
// argv: a file of JSON, a list of { kind, html, same, has, skip, only }: `html` a file; `same` that of a page of
// the same kind with harmless words in the same places; `has` texts that must stand in it. Two pages must have the
// same elements with the same attributes in the same order, but for what `skip` (a selector) finds, in which
// there may be elements of the names `only`. No attribute may hold an address that leads elsewhere or a script, and
// each text must be found as it was written: in the text of the page, or in an attribute. Prints TAP, a test per kind.
import { chromium } from 'playwright-core';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const list = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const home = mkdtempSync(join(tmpdir(), 'dm-inert-'));
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
	env: { ...process.env, HOME: home },
	args: ['--no-sandbox', '--headless', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});
const page = await (await browser.newContext({ javaScriptEnabled: true, offline: true })).newPage();

function look(pages) {
	const read = ({ html, skip, only }) => {
		const doc = new DOMParser().parseFromString(html, 'text/html');
		const shape = [], values = new Set(), bad = [], text = doc.documentElement.textContent;
		for (const e of skip ? doc.querySelectorAll(skip) : []) {
			for (const inner of only ? e.querySelectorAll('*') : [])
				if (!only.split(' ').includes(inner.localName) || [...inner.attributes].some((a) => a.name !== 'class' && !(a.name === 'id' && /^log-lines?$/.test(a.value))))
					bad.push(inner.outerHTML);
			e.remove();
		}
		for (const e of doc.querySelectorAll('*')) {
			shape.push(e.localName + ' ' + [...e.attributes].map((a) => a.name).sort().join(' '));
			for (const a of e.attributes) {
				values.add(a.value);
				if (/^on|^style$|^srcdoc$/.test(a.name) || (/^(?:href|src|action|formaction|data-hx-(?:get|post|delete|put|patch)|xlink:href)$/.test(a.name)
					&& a.value && !/^(?:\/(?!\/)[^\\\s]*|#[\w-]*|\?[^\s]*)$/.test(a.value)))
					bad.push(`${e.localName} ${a.name}="${a.value}"`);
			}
			if (['script', 'style', 'iframe', 'object', 'embed', 'base'].includes(e.localName) && !(e.localName === 'script' && e.getAttribute('src') && !e.textContent))
				bad.push(`<${e.localName}>`);
		}
		return { shape, values, bad, text };
	};
	const known = (window.known ??= new Map());
	return pages.map((p) => {
		if (p.sameHtml)
			known.set(p.same, read({ ...p, html: p.sameHtml }).shape);
		const got = read(p), want = known.get(p.same), wrong = [...got.bad];
		for (let i = 0; i < Math.max(got.shape.length, want.length); i++)
			if (got.shape[i] !== want[i]) {
				wrong.push(`element ${i} of ${got.shape.length}: ${got.shape[i]} instead of ${want[i]} (of ${want.length})`);
				break;
			}
		for (const text of p.has)
			if (!got.text.includes(text) && ![...got.values].some((v) => v.includes(text)))
				wrong.push(`not in the page: ${JSON.stringify(text)}`);
		return wrong;
	});
}

const kinds = new Map(), sent = new Set();
const once = (name) => sent.has(name) ? null : sent.add(name) && readFileSync(name, 'utf8');
for (let i = 0; i < list.length; i += 100) {
	const part = list.slice(i, i + 100).map((p) => ({ ...p, html: readFileSync(p.html, 'utf8'), sameHtml: once(p.same) }));
	(await page.evaluate(look, part)).forEach((wrong, n) => {
		const kind = kinds.get(part[n].kind) ?? kinds.set(part[n].kind, { pages: 0, wrong: [] }).get(part[n].kind);
		kind.pages++;
		if (wrong.length)
			kind.wrong.push(`${list[i + n].html} ${JSON.stringify(part[n].has)}: ${wrong.join('; ')}`);
	});
}
let number = 0;
for (const [kind, { pages, wrong }] of kinds) {
	console.log(`${wrong.length ? 'not ok' : 'ok'} ${++number} - ${kind}: ${pages} pages`);
	for (const line of wrong.slice(0, 5))
		console.log(`# ${line}`.slice(0, 1000));
}
console.log(`1..${number}`);
await browser.close();
rmSync(home, { recursive: true, force: true });
