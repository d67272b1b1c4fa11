// How each page looks and reads: no finding by axe in light and dark, no sideways scrolling on a phone, and
// a screenshot of each in light, dark and phone width. Also the page of a job, live.
import AxeBuilder from '@axe-core/playwright';
import { mkdirSync } from 'node:fs';
import { end, ended, is, job, ok, open, shots, until, upload } from './lib.mjs';

mkdirSync(shots, { recursive: true });
const looks = {
	light: { colorScheme: 'light' },
	dark: { colorScheme: 'dark' },
	phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

async function look(name, path, prepare) {
	for (const [look, options] of Object.entries(looks)) {
		const page = await open(path, options, [/404/]);
		await prepare?.(page);
		await page.screenshot({ path: `${shots}/${name}-${look}.png`, fullPage: look === 'phone' });
		const wide = await page.evaluate(() => document.documentElement.scrollWidth) - page.viewportSize().width;
		ok(wide <= 0, `${name}, ${look}: nothing to scroll sideways`, `${wide} px`);
		const found = (await new AxeBuilder({ page }).setLegacyMode(true).analyze()).violations;
		ok(found.length === 0, `${name}, ${look}: axe finds nothing`,
			found.map((f) => `${f.id}: ${f.help}\n${f.nodes.map((n) => `  ${n.html}\n  ${n.failureSummary}`).join('\n')}`).join('\n'));
		await page.context().close();
	}
}

await look('fresh', '/');

const rows = Array.from({ length: 1000 }, (_, i) => `${i},${(i * 7.3).toFixed(2)},name ${i % 17}`).join('\n');
const csv = await upload('orders 2026.csv', `id,price,name\n${rows}\n`);
const text = await upload('Prüfbericht – März (final).txt', 'all is well\n');
const broken = await upload('<b>broken.bin', 'x', 'broken');
await Promise.all([ended(csv.uuid), ended(text.uuid), ended(broken.uuid, 'failed')]);
const running = await upload('a very long name that goes on and on, as names of files sometimes do, v3 (copy).bin', 'x', 'endless');
await ended(running.uuid, 'processing');
const talk = await upload('talk.bin', 'x', 'talk');
await ended(talk.uuid, 'processing');
const stopped = await upload('stopped.bin', 'x', 'endless');
await fetch(`${process.env.DROPMILL_URL}/jobs/${stopped.uuid}/cancel`, { method: 'POST' });
await until(async () => (await job(running.uuid)).progress > 0);

await look('home', '/');
await look('nomatch', '/?status=completed&q=zebra');
await look('completed', `/jobs/${csv.uuid}`);
await look('failed', `/jobs/${broken.uuid}`);
await look('processing', `/jobs/${running.uuid}`);
await look('log', `/jobs/${talk.uuid}/log`);
await look('talking', `/jobs/${talk.uuid}`);
await fetch(`${process.env.DROPMILL_URL}/jobs/${talk.uuid}/cancel`, { method: 'POST' });
await look('missing', '/jobs/99999');
await look('question', '/', async (page) => {
	await page.locator('button.delete').first().click();
	await page.locator('#ask').waitFor();
});
await look('uploading', '/', async (page) => {
	await page.route('**/jobs/upload/**', () => {}); // never answered
	await page.setInputFiles('#files', ['one.csv', 'two.csv', 'three with a longer name.csv', 'four.csv', 'five.csv']
		.map((name, i) => ({ name, mimeType: 'text/csv', buffer: Buffer.alloc(i < 4 ? 300000 * (i + 1) : 0, 'x') })));
});

// The page of a job follows it.
const page = await open(`/jobs/${running.uuid}`);
await page.evaluate(() => { window.loadedOnce = true; });
is(await page.locator('#job > header .status').innerText(), 'Processing', 'the page of a job shows its state');
await page.click('button.cancel');
ok(await until(async () => await page.locator('#job > header .status').innerText() === 'Cancelled'), 'cancel works there');
ok(await until(async () => /Cancelled/.test(await page.locator('.history').innerText())), 'the history follows');
ok(await until(async () => await page.locator('button.retry').count() === 1), 'the actions follow');
await page.click('button.retry');
ok(await until(async () => (await job(running.uuid)).retry_count === 1), 'retry works there');
ok(await until(async () => await page.locator('#job > header .status').innerText() === 'Processing'), 'and shows');
ok(await page.evaluate(() => window.loadedOnce), 'without a reload');
await page.click('button.delete');
await page.locator('#ask .danger').click();
await page.waitForURL((address) => address.pathname === '/');
is(await job(running.uuid), null, 'delete works there, and leads back to the list');

await end();
