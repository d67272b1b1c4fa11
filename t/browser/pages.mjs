// How each page looks and reads: no finding by axe in light and dark, no sideways scrolling on a phone, and
// a screenshot of each in light, dark and phone width. Also the page of a job, live.
import { mkdirSync } from 'node:fs';
import { axe, cli, end, ended, is, job, ok, open, row, shots, until, upload, url } from './lib.mjs';

mkdirSync(shots, { recursive: true });
const PHONE = { width: 390, height: 844 }, DESK = { width: 1280, height: 860 };

const ALL = null;
const COLOURS = ['color-contrast', 'link-in-text-block'];
const PLACES = [...COLOURS, 'scrollable-region-focusable'];

// The page is loaded once and shown in each way. In dark only its colours are others, and on a phone what
// stands where: the rules that depend on these are asked again. `phone`: rules for the phone.
async function look(name, path, prepare, phone = PLACES) {
	await page.setViewportSize(DESK);
	await page.emulateMedia({ colorScheme: 'light' });
	await page.goto(url + path);
	await prepare?.(page);
	await page.screenshot({ path: `${shots}/${name}-light.png` });
	await axe(page, `${name}, light`);
	await page.emulateMedia({ colorScheme: 'dark' });
	await page.screenshot({ path: `${shots}/${name}-dark.png` });
	await axe(page, `${name}, dark`, COLOURS);
	await page.emulateMedia({ colorScheme: 'light' });
	for (const size of [DESK, PHONE]) {
		await page.setViewportSize(size);
		const wide = await page.evaluate(() => document.documentElement.scrollWidth) - size.width;
		ok(wide <= 0, `${name}, ${size.width} wide: nothing to scroll sideways`, `${wide} px`);
	}
	await page.screenshot({ path: `${shots}/${name}-phone.png`, fullPage: true });
	await axe(page, `${name}, phone`, phone);
	await page.unrouteAll({ behavior: 'ignoreErrors' });
}

// One page that goes from place to place: a new profile for each takes longer than all that is looked at.
const page = await open('/', { reducedMotion: 'reduce' }, [/status of 4/]);

await look('fresh', '/');

const rows = Array.from({ length: 1000 }, (_, i) => `${i},${(i * 7.3).toFixed(2)},name ${i % 17}`).join('\n');
const csv = await upload('orders 2026.csv', `id,price,name\n${rows}\n`);
const text = await upload('Prüfbericht – März (final).txt', 'all is well\n');
const broken = await upload('<b>broken.bin', 'x', 'broken');
await Promise.all([ended(csv.uuid), ended(text.uuid), ended(broken.uuid, 'failed')]);
const long = await upload(`${'without-a-space-'.repeat(8)} ${'and then with some '.repeat(6)}.txt`, 'x\n');
const right = await upload('تقرير المبيعات لشهر آذار (final) 2026.txt', 'x\n');
const lots = await upload('lots.bin', 'x', 'lots');
const brief = await upload('brief.bin', 'x', 'brief');
await Promise.all([ended(long.uuid), ended(right.uuid), ended(lots.uuid), ended(brief.uuid, 'removed')]);
cli('types', 'pause', 'gather');
const held = await upload('held.bin', 'x', 'gather');
const waits = await upload('to be signed.pdf', 'x', 'manual');
const hand = await upload('by hand.pdf', 'x', 'manual');
await fetch(`${url}/api/jobs/${hand.uuid}`, { method: 'PATCH', headers: { 'Content-Type': 'application/json' },
	body: '{"status":"processing","progress":40,"current_step":"being looked at"}' });
const running = await upload('a very long name that goes on and on, as names of files sometimes do, v3 (copy).bin', 'x', 'endless');
await ended(running.uuid, 'processing');
const talk = await upload('talk.bin', 'x', 'talk');
await ended(talk.uuid, 'processing');
const stopped = await upload('stopped.bin', 'x', 'endless');
await fetch(`${process.env.DROPMILL_URL}/jobs/${stopped.uuid}/cancel`, { method: 'POST' });
await until(async () => (await job(running.uuid)).progress > 0);

await look('home', '/', null, ALL);
await look('nomatch', '/?status=completed&type=csv-profile&q=zebra');
await look('completed', `/jobs/${csv.uuid}`);
await look('failed', `/jobs/${broken.uuid}`);
await look('processing', `/jobs/${running.uuid}`);
await look('log', `/jobs/${talk.uuid}/log`);
await look('talking', `/jobs/${talk.uuid}`);
await fetch(`${process.env.DROPMILL_URL}/jobs/${talk.uuid}/cancel`, { method: 'POST' });
await look('long', `/jobs/${long.uuid}`);
await look('right-to-left', `/jobs/${right.uuid}`);
await look('many', `/jobs/${lots.uuid}`);
await look('files', `/jobs/${lots.uuid}/files?limit=20`);
await look('packing', '/', async (page) => {
	await page.route('**/files.zip', async (route) => { // and stays: nothing looks again by itself
		const response = await route.fetch();
		const { refresh, ...headers } = response.headers();
		ok(response.status() === 202 && refresh === '1', 'an archive that is being made has a page that looks again');
		await route.fulfill({ response, headers });
	});
	await page.goto(`${url}/jobs/${lots.uuid}/files.zip`);
});
await look('removed', `/jobs/${brief.uuid}`);
await look('held', `/jobs/${held.uuid}`);
await look('manual', `/jobs/${waits.uuid}`);
await look('by-hand', `/jobs/${hand.uuid}`);
await look('options', '/?new=wide', async (page) => {
	await page.click('#more summary');
	await page.fill('#priority', '200');
	await page.setInputFiles('#files', { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('x') });
}, ALL);
await look('paused-type', '/?new=gather');
await look('warning', '/', (page) => page.evaluate(() => { // as templates/layout.mustache has it
	const bar = Object.assign(document.createElement('aside'), { className: 'warning', ariaLabel: 'Warning',
		textContent: 'No sandbox on host2: commands run with the rights of the user nobody. sandbox = off' });
	document.querySelector('header.top').after(bar);
}));
await look('missing', '/jobs/99999');
await look('refused', '/?status=nonsense');
await look('too-large', '/', async (page) => {
	await page.evaluate(() => {
		const data = new DataTransfer();
		data.items.add(new File(['x'.repeat(1500000)], 'large.bin'));
		document.querySelector('#files').files = data.files;
		HTMLFormElement.prototype.submit.call(document.querySelector('#upload'));
	});
	await page.waitForURL('**/jobs');
});
await look('question', '/', async (page) => {
	await page.locator('button.delete').first().click();
	await page.locator('#ask').waitFor();
});
await look('peek', '/', async (page) => {
	await row(page, 'orders 2026.csv').locator('a.look').click();
	await page.locator('#peek[open] .history').waitFor();
}, ALL);
await look('peek-processing', '/', async (page) => {
	await page.locator(`#job-${running.uuid} a.look`).click();
	await page.locator('#peek[open] .history').waitFor();
});

// The dialog of a job: by keyboard, alive, and back to where one was.
const turning = await upload('turning.bin', 'x', 'endless');
await ended(turning.uuid, 'processing');
const keyed = await open('/', { viewport: PHONE });
await keyed.evaluate(() => { window.loadedOnce = true; });
const eye = keyed.locator(`#job-${turning.uuid} a.look`);
is(await eye.getAttribute('href'), `/jobs/${turning.uuid}`, 'without JavaScript the details are the page of the job');
await eye.focus();
await keyed.keyboard.press('Enter');
await keyed.locator('#peek[open] .history').waitFor();
is(await keyed.evaluate(() => document.activeElement.ariaLabel), 'Close', 'the dialog has the focus');
is(await keyed.locator('#peek .detail > header .status').innerText(), 'Processing', 'it shows the state');
await keyed.evaluate(() => { document.querySelector('#peek .columns').kept = true; });
await fetch(`${url}/jobs/${turning.uuid}/cancel`, { method: 'POST' });
ok(await until(async () => await keyed.locator('#peek .detail > header .status').innerText() === 'Cancelled'), 'it follows its job');
ok(await keyed.evaluate(() => document.querySelector('#peek .columns').kept), 'in place');
is(await keyed.evaluate(() => document.activeElement.ariaLabel), 'Close', 'and the focus stays');
await keyed.keyboard.press('Escape');
is(await keyed.locator('#peek[open]').count(), 0, 'Escape closes it');
is(await keyed.evaluate(() => document.activeElement.id), await eye.getAttribute('id'), 'and the focus is back at its link');
await keyed.keyboard.press('Enter');
await keyed.locator('#peek[open] .history').waitFor();
is(await keyed.evaluate(() => document.querySelector('#peek > article').scrollTop + document.querySelector('#peek').scrollTop), 0, 'from its beginning');
await keyed.mouse.click(5, 5);
is(await keyed.locator('#peek[open]').count(), 0, 'a click beside it closes it too');
const other = await upload('gone soon.txt', 'x\n');
await row(keyed, 'gone soon.txt').locator('a.look').click();
await keyed.locator('#peek[open] .history').waitFor();
await fetch(`${url}/jobs/${other.uuid}`, { method: 'DELETE' });
ok(await until(async () => await row(keyed, 'gone soon.txt').count() === 0), 'a row goes while its job is looked at');
await keyed.keyboard.press('Escape');
ok(await keyed.evaluate(() => document.activeElement !== document.body), 'the focus is not lost');
ok(await keyed.evaluate(() => window.loadedOnce), 'all without a reload');
await look('uploading', '/', async (page) => {
	await page.route('**/jobs/upload/**', () => {}); // never answered
	await page.setInputFiles('#files', ['one.csv', 'two.csv', 'three with a longer name.csv', 'four.csv', 'five.csv']
		.map((name, i) => ({ name, mimeType: 'text/csv', buffer: Buffer.alloc(i < 4 ? 300000 * (i + 1) : 0, 'x') })));
});

// The page of a job follows it.
const live = await open(`/jobs/${running.uuid}`);
await live.evaluate(() => { window.loadedOnce = true; });
is(await live.locator('#job > header .status').innerText(), 'Processing', 'the page of a job shows its state');
await live.click('button.cancel');
ok(await until(async () => await live.locator('#job > header .status').innerText() === 'Cancelled'), 'cancel works there');
ok(await until(async () => /Cancelled/.test(await live.locator('.history').innerText())), 'the history follows');
ok(await until(async () => await live.locator('button.retry').count() === 1), 'the actions follow');
await live.click('button.retry');
ok(await until(async () => (await job(running.uuid)).retry_count === 1), 'retry works there');
ok(await until(async () => await live.locator('#job > header .status').innerText() === 'Processing'), 'and shows');
ok(await live.evaluate(() => window.loadedOnce), 'without a reload');
await live.click('button.delete');
await live.locator('#ask .danger').click();
await live.waitForURL((address) => address.pathname === '/');
is(await job(running.uuid), null, 'delete works there, and leads back to the list');

await end();
