// The main flow as a person sees it: drop files, watch them become results without a reload, cancel,
// retry, delete; and that the page keeps still meanwhile: focus, selection, text and scroll survive polls.
import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { drop, end, ended, is, job, ok, open, row, sleep, state, until, upload, url } from './lib.mjs';

const page = await open('/', {}, [/ERR_FAILED|Failed to fetch/, /status of (409|507)/]);
let choosers = 0;
page.on('filechooser', () => choosers++);
await page.evaluate(() => { window.loadedOnce = true; });
is(await page.locator('.empty h2').innerText(), 'No jobs yet', 'an empty queue says so');

// ---- drop → pending → processing → completed -------------------------------------------------------
await page.evaluate(() => {
	window.seen = {};
	window.news = [];
	new MutationObserver(() => window.news.push(document.getElementById('news').textContent))
		.observe(document.getElementById('news'), { childList: true });
	setInterval(() => {
		for (const tr of document.querySelectorAll('#jobs tbody tr')) {
			const name = tr.querySelector('th').innerText;
			(window.seen[name] ||= new Set()).add(tr.querySelector('.status').innerText);
		}
	}, 20);
});
await drop(page, [['a.csv', 'n,name\n1,x\n2,y\n'], ['b.json', '{"b":1}'], ['c.txt', 'plain words\n']]);
for (const name of ['a.csv', 'b.json', 'c.txt']) {
	await row(page, name).waitFor();
	ok(await until(async () => await state(page, name) === 'Completed'), `${name} completes`);
	ok((await row(page, name).locator('.result').innerText()).length > 3, `${name} shows a result`);
}
is(await row(page, 'a.csv').locator('.type').innerText(), 'csv-profile', 'the CSV got its type');
const link = await row(page, 'b.json').locator('a.file').first().getAttribute('href');
is((await fetch(url + link)).status, 200, 'a result downloads');

await page.selectOption('#type', 'slow');
await page.setInputFiles('#files', [{ name: 'long.bin', mimeType: '', buffer: Buffer.from('x') },
	{ name: 'long too.bin', mimeType: '', buffer: Buffer.from('y') }]);
const progress = new Set();
ok(await until(async () => {
	const bar = row(page, 'long.bin').locator('progress');
	if (await bar.count())
		progress.add(await bar.getAttribute('value').catch(() => null));
	return await row(page, 'long.bin').count() && await state(page, 'long.bin') === 'Completed';
}, 30), 'a long job completes');
ok(progress.size >= 2, 'its progress moved meanwhile', [...progress]);
let seen = [];
await until(async () => (seen = await page.evaluate(() => [...window.seen['long.bin']])).at(-1) === 'Completed', 5);
ok(/^(Pending )?Processing Completed$/.test(seen.join(' ')), 'the states came in order', seen);
ok(await page.locator('#sending').isHidden(), 'the list of uploads has gone');

let news = [];
ok(await until(async () => {
	news = await page.evaluate(() => window.news);
	return /long\.bin completed|jobs completed/.test(news.join());
}), 'what has ended is said aloud', news);
ok(news.length <= 5, 'and no more often than there were jobs', news);

const paste = (selector) => page.evaluate((at) => {
	const data = new DataTransfer();
	data.items.add(new File(['pasted'], `pasted into ${at}.txt`));
	document.querySelector(at).dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
}, selector);
await paste('#q');
await paste('main');
await row(page, 'pasted into main').waitFor();
is(await row(page, 'pasted into #q').count(), 0, 'files are pasted into the page, not into a field');

// ---- what is refused says why ------------------------------------------------------------------------
await drop(page, [['nothing.csv', '']]);
is(await page.locator('#queue .refused .say').innerText(), 'it is empty', 'an empty file is refused with a reason');
await page.click('#stop-all');
await drop(page, [['large.bin', 'x'.repeat(1500000)]]);
ok(/larger than/.test(await page.locator('#queue .refused .say').innerText()), 'so is one over the limit');
await page.click('#stop-all');

// What the server refuses it says itself, and what it may take later can be sent again.
await page.route('**/jobs/upload/**', (route) => route.fulfill({ status: 507,
	contentType: 'application/problem+json', body: '{"status":507,"detail":"the disk is full"}' }));
await drop(page, [['again.txt', 'second time lucky\n'], ['again too.txt', 'this one too\n']]);
ok(await until(async () => await page.locator('#queue .failed').count() === 2), 'the server refuses');
is(await page.locator('#queue .say').first().innerText(), 'the disk is full', 'and its reason is shown');
await page.unroute('**/jobs/upload/**');
await page.click('#again-all');
ok(await until(async () => await row(page, 'again').count() === 2), 'sent again, it is taken');
ok(await until(() => page.locator('#sending').isHidden()), 'and the list goes');

// A page with uploads under way asks before it is left; cancelling them takes them off the list.
await page.route('**/jobs/upload/**', () => {});
await drop(page, [['stuck.txt', 'x'], ['stuck too.txt', 'y']]);
await page.locator('#upload .options select').focus();
let asked = '';
page.once('dialog', (dialog) => { asked = dialog.type(); dialog.dismiss(); });
await page.evaluate(() => { location.href = '/jobs/1'; }).catch(() => {});
ok(await until(() => asked === 'beforeunload', 5), 'leaving during an upload is asked about');
await page.click('#stop-all');
ok(await page.locator('#sending').isHidden(), 'cancel takes all of them back');
await page.unroute('**/jobs/upload/**');
is(await row(page, 'stuck').count(), 0, 'and no job was made');

// ---- cancel, retry, delete -----------------------------------------------------------------------------
const made = await upload('victim.bin', 'x', 'endless');
await row(page, 'victim').waitFor();
await until(async () => await state(page, 'victim') === 'Processing');
const cancel = row(page, 'victim').locator('button.cancel');
await cancel.dblclick();
ok(await until(async () => await state(page, 'victim') === 'Cancelled'), 'cancel works');
await sleep(500);
is((await job(made.uuid)).retry_count, 0, 'the second click of a double click does nothing else');
await until(async () => (await job(made.uuid)).actions.includes('retry'));
const retry = row(page, 'victim').locator('button.retry');
await retry.focus();
await page.keyboard.press('Enter');
ok(await until(async () => (await job(made.uuid)).retry_count === 1), 'retry works by keyboard');
ok(await until(() => page.evaluate(() => document.activeElement.closest('tr')?.innerText.includes('victim'))),
	'the focus stays in the row when the button has gone');
await until(async () => await state(page, 'victim') === 'Processing');
await row(page, 'victim').locator('button.delete').click();
ok(await page.locator('#ask').isVisible(), 'delete asks first');
is(await page.locator('#ask-name').innerText(), 'victim.bin', 'and says what');
await page.keyboard.press('Enter');
ok(await page.locator('#ask').isHidden() && await row(page, 'victim').count() === 1, 'Enter keeps it');
await row(page, 'victim').locator('button.delete').click();
await page.locator('#ask .danger').click();
ok(await until(async () => await row(page, 'victim').count() === 0), 'the row goes');
is(await job(made.uuid), null, 'the job is gone');

// ---- the page keeps still -------------------------------------------------------------------------------
const node = await row(page, 'a.csv').elementHandle();
await page.locator('#q').focus();
await page.keyboard.type('zz');
await page.evaluate(() => document.querySelector('#q').setSelectionRange(0, 1));
await upload('fresh.txt', 'one more\n');
await row(page, 'fresh.txt').waitFor();
const kept = await page.evaluate(() => {
	const q = document.querySelector('#q');
	return [document.activeElement.id, q.value, q.selectionStart, q.selectionEnd].join();
});
is(kept, 'q,zz,0,1', 'focus, text and selection survive a refresh');
await page.locator('#q').fill('');

await row(page, 'a.csv').locator('th a').focus();
await page.evaluate(() => {
	const words = document.createRange();
	words.selectNodeContents(document.querySelector('#jobs tbody tr:last-child th bdi'));
	getSelection().removeAllRanges();
	getSelection().addRange(words);
	window.scrollTo(0, 40);
});
const before = await page.evaluate(() => [String(getSelection()), scrollY].join());
await upload('another.txt', 'and one\n');
await row(page, 'another.txt').waitFor();
ok(await node.evaluate((tr) => tr.isConnected && tr.innerText.includes('a.csv')), 'rows stay the same elements');
is(await page.evaluate(() => document.activeElement.textContent), 'a.csv', 'the focus stays on its row');
is(await page.evaluate(() => [String(getSelection()), scrollY].join()), before, 'selected words and scroll stay');
ok(await page.evaluate(() => [...document.querySelectorAll('#jobs td.age time')]
	.every((time) => /^now$|ago$/.test(time.textContent) && time.title)), 'times are relative, with a full one as tooltip');

// ---- idle polls -------------------------------------------------------------------------------------------
await ended((await upload('last.txt', 'last\n')).uuid);
await row(page, 'last.txt').waitFor();
await until(async () => await state(page, 'last.txt') === 'Completed');
await sleep(2500);
const polls = [];
page.on('response', (response) => response.url().includes('/jobs/table') && polls.push(response.status()));
await sleep(6500);
ok(polls.length >= 3 && polls.every((status) => status === 304), 'idle polls are 304', polls);
await page.evaluate(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }));
await sleep(1000); // an answer may be on its way
polls.length = 0;
await sleep(4500);
ok(polls.length === 0, 'a hidden tab does not poll', polls);
await page.evaluate(() => {
	delete document.hidden;
	document.dispatchEvent(new Event('visibilitychange'));
});
ok(await until(() => polls.length > 0), 'it catches up when it is seen again');

// ---- troubles ---------------------------------------------------------------------------------------------
const stale = await upload('stale.bin', 'x', 'endless');
await row(page, 'stale').locator('button.cancel').waitFor();
await page.route('**/jobs/table*', (route) => route.abort());
ok(await until(() => page.locator('#offline').isVisible()), 'a server that does not answer is told of');
await fetch(`${url}/jobs/${stale.uuid}/cancel`, { method: 'POST' });
await row(page, 'stale').locator('button.cancel').click();
await page.locator('.message').waitFor();
ok(/cannot be cancelled|cancelled/i.test(await page.locator('.message p').innerText()), 'a refused action says why',
	await page.locator('.message').innerText());
await page.click('.message .close');
is(await page.locator('.message').count(), 0, 'and its message can be closed');
await page.unroute('**/jobs/table*');
ok(await until(() => page.locator('#offline').isHidden()), 'the page goes on when the server is back');
ok(await until(async () => await state(page, 'stale') === 'Cancelled'), 'and catches up');

// ---- tabs, search, history of the browser -----------------------------------------------------------------
const broken = await upload('broken.bin', 'x', 'broken');
await ended(broken.uuid, 'failed');
await page.click('#tab-failed');
await page.waitForURL('**/?status=failed');
is(await page.locator('#jobs tbody tr').count(), 1, 'a tab filters');
is(await page.locator('#tab-failed').getAttribute('aria-current'), 'page', 'and is the current one');
ok(/no licence left/.test(await row(page, 'broken').locator('.why').innerText()), 'a failure says why');
await sleep(2500);
is(await page.locator('#jobs tbody tr').count(), 1, 'polls keep to the filter');
await page.goBack();
ok(await until(async () => await page.locator('#jobs tbody tr').count() > 1), 'back leads to all jobs');
is(new URL(page.url()).search, '', 'and to their address');
await page.locator('#q').fill('anoth');
ok(await until(async () => await page.locator('#jobs tbody tr').count() === 1), 'search filters while typing');
is(new URL(page.url()).search, '?q=anoth', 'search is in the address');
await page.locator('#q').fill('no such name');
ok(await until(async () => await page.locator('.empty h2').isVisible()), 'no match is told');
is(await page.locator('.empty h2').innerText(), 'No job matches', 'in words of its own');
await page.locator('.empty a').click();
ok(await until(async () => await page.locator('#jobs tbody tr').count() > 1), 'and leads back to all');

// ---- pages ------------------------------------------------------------------------------------------------
for (let i = 0; i < 30; i++)
	await upload(`many ${i}.txt`, `${i}\n`);
await page.locator('.pager [rel=next]').waitFor();
let late = null;
await page.route(`${url}/jobs/table`, (route) => { late ||= route; }); // a poll of the first page that is answered late
await until(() => late);
await page.locator('.pager [rel=next]').click();
ok(await until(async () => await page.locator('.pager [rel=prev]').count() === 1), 'the next page');
await late.continue();
await page.unroute(`${url}/jobs/table`);
await sleep(500);
ok(/^\?after=\d+$/.test(new URL(page.url()).search), 'has an address', page.url());
is(await row(page, 'a.csv').count(), 1, 'and the older jobs');
await upload('not here.txt', 'x\n');
await sleep(2500);
is(await row(page, 'not here').count() + await row(page, 'a.csv').count(), 1, 'polls keep to it');
await page.locator('.pager [rel=prev]').click();
ok(await until(async () => await page.locator('#jobs tbody tr').count() === 25), 'a page has 25 rows');
ok(await page.evaluate(() => window.loadedOnce), 'all of it without a reload');

// ---- keys ---------------------------------------------------------------------------------------------------
await page.locator('#main').focus();
await page.keyboard.press('?');
ok(await page.locator('#help').isVisible(), '? shows the keys');
await page.keyboard.press('Escape');
await page.keyboard.press('/');
is(await page.evaluate(() => document.activeElement.id), 'q', '/ leads to the search');
await page.locator('#main').focus();
await page.keyboard.press('u');
ok(await until(() => choosers > 0, 5), 'u chooses files');
await page.keyboard.press('t');
is(await page.evaluate(() => document.documentElement.dataset.theme), 'light', 't changes the colours');
await page.keyboard.press('t');
await page.reload();
is(await page.evaluate(() => document.documentElement.dataset.theme), 'dark', 'colours are remembered');

// The tab key leads to everything, and one sees where: an outline that stands out from what is around it.
const live = await upload('live.bin', 'x', 'endless');
await ended(live.uuid, 'processing');
await page.goto(`${url}/?type=endless`);
await page.evaluate(() => {
	const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
	const pixel = (under, color) => {
		for (canvas.fillStyle of [under, color])
			canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
	};
	const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
		.reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
	// The ratio of the outline to what it is drawn on: inside the element if it is drawn inwards, else around it.
	window.ratio = (at) => {
		const seen = at.id === 'files' ? at.closest('.drop') : at;
		const style = getComputedStyle(seen);
		if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2)
			return 0;
		let ground = parseFloat(style.outlineOffset) < 0 ? seen : seen.parentElement;
		while (ground.parentElement && getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
			ground = ground.parentElement;
		const [a, b] = [style.outlineColor, getComputedStyle(ground).backgroundColor].map((c) => light(pixel('#fff', c)));
		return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
	};
});
for (const theme of ['dark', 'light']) {
	const stops = new Map();
	await page.evaluate((to) => { document.documentElement.dataset.theme = to; document.activeElement.blur(); }, theme);
	await sleep(300); // colours change in a while
	for (let i = 0, rounds = 0; i < 90 && rounds < 2; i++) {
		await page.keyboard.press('Tab');
		const [name, ratio] = await page.evaluate(() => {
			const at = document.activeElement;
			return at === document.body ? [] : [at.id || at.className || at.textContent.trim(), window.ratio(at)];
		});
		if (!name)
			continue; // between the last and the first
		rounds += name === 'skip';
		stops.set(name, ratio);
	}
	const stale_id = (await job(stale.uuid)).id;
	const wanted = ['skip', 'brand', 'theme', 'keys', 'type', 'More options', 'files', 'tab-all', 'tab-failed', 'q', `name-${live.id}`,
		`cancel-${live.id}`, `pause-${live.id}`, `delete-${live.id}`, `retry-${stale_id}`];
	is(wanted.filter((one) => !stops.has(one)).join(), '', `${theme}: the tab key leads everywhere`);
	is([...stops].filter(([, ratio]) => ratio < 3).map(([name, ratio]) => `${name} ${ratio.toFixed(1)}`).join(), '',
		`${theme}: and shows where it is`);
}

// ---- all results in one file ------------------------------------------------------------------------------
const lots = await upload('lots.bin', 'x', 'lots');
await ended(lots.uuid);
await page.goto(`${url}/jobs/${lots.uuid}`);
let go, heads = 0, swaps = 0;
const may_go = new Promise((resolve) => { go = resolve; });
await page.exposeFunction('swapped', () => { swaps++; });
await page.evaluate(() => document.addEventListener('htmx:after:swap', () => window.swapped()));
await page.route('**/files.zip', async (route) => {
	if (route.request().method() === 'HEAD' && ++heads)
		await may_go;
	await route.continue();
});
await page.click('text=Download all');
is(await page.getAttribute('a.all', 'aria-busy'), 'true', 'the link shows that the archive is being made');
await upload('meanwhile.txt', 'x\n');
ok(await until(() => swaps > 0), 'the page is refreshed meanwhile');
is(await page.getAttribute('a.all', 'aria-busy'), 'true', 'and the link still shows it');
await page.locator('a.all').dispatchEvent('click');
const coming = page.waitForEvent('download');
go();
const zip = await coming;
is(zip.suggestedFilename(), 'lots.zip', 'then the archive comes');
ok(await until(async () => await page.getAttribute('a.all', 'aria-busy') === null), 'and the link is a link again');
is(new URL(page.url()).pathname, `/jobs/${lots.uuid}`, 'on the page as it was');
ok(heads < 10, 'a second click asked nothing more', heads);
const bytes = readFileSync(await zip.path());
const tail = bytes.lastIndexOf('PK\x05\x06');
is(bytes.readUInt16LE(tail + 10), 300, 'all results are in it');
const at = bytes.indexOf('PK\x03\x04');
const [method, length, named, extra] = [8, 18, 26, 28].map((offset, i) => (i === 1 ? bytes.readUInt32LE(at + offset) : bytes.readUInt16LE(at + offset)));
const first = bytes.subarray(at + 30 + named + extra, at + 30 + named + extra + length);
const number = bytes.toString('utf8', at + 30, at + 30 + named).match(/^(?:.*\/)?part-(\d+)\.txt$/)[1];
is(String(method ? inflateRawSync(first) : first), `this is result ${number}\n`, 'with what is in them');
await page.context().close();

// ---- the stack restarts under an open page ------------------------------------------------------------------
const tab = await open('/', {}, [/ERR_CONNECTION|ERR_EMPTY|ERR_INCOMPLETE|ERR_FAILED|Failed to fetch|status of 50[0234]/]);
console.log('stop');
ok(await until(() => tab.locator('#offline').isVisible(), 60), 'an open page sees the server go');
is(await tab.locator('#offline').innerText(), 'The server does not answer. This page keeps trying.', 'and says so');
console.log('start'); // not before: it may take less than the page takes to ask again
ok(await until(async () => /is back/.test(await tab.locator('#offline').textContent()), 90), 'it sees it come back, and says that too');
ok(await until(() => tab.locator('#offline').isHidden(), 10), 'for a while');
await upload('after the restart.txt', 'x\n');
ok(await until(async () => await row(tab, 'after the restart').count()), 'and goes on by itself');
await tab.route('**/jobs/table*', async (route) => { // as of another version
	const response = await route.fetch();
	await route.fulfill({ response, headers: { ...response.headers(), 'hx-ptag': 'another-1-1' } });
});
ok(await until(async () => /has been updated/.test(await tab.locator('#offline').textContent())), 'one of another version asks to be loaded anew');
await tab.unroute('**/jobs/table*');
await tab.click('#offline a');
ok(await until(() => tab.locator('#offline').isHidden()), 'and is then as new');

await end();
