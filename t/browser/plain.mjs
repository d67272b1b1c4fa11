// All of it with JavaScript off: forms, links and redirects.
import { end, ended, is, job, ok, open, row, state, until, upload } from './lib.mjs';

const page = await open('/', { javaScriptEnabled: false }, [/404/]);
is(await page.locator('.empty h2').innerText(), 'No jobs yet', 'an empty queue says so');

await page.setInputFiles('#files', [
	{ name: 'a.csv', mimeType: 'text/csv', buffer: Buffer.from('n,name\n1,x\n') },
	{ name: 'b.txt', mimeType: 'text/plain', buffer: Buffer.from('plain words\n') }]);
await page.click('#send');
is(new URL(page.url()).pathname, '/', 'an upload leads back to the list');
is(await page.locator('#jobs tbody tr').count(), 2, 'with a row for each file');
ok(await until(async () => {
	await page.reload();
	return await state(page, 'a.csv') === 'Completed' && await state(page, 'b.txt') === 'Completed';
}), 'both complete');
is(await page.locator('meta[http-equiv=refresh]').count(), 0, 'nothing runs, nothing is loaded again');

await page.selectOption('#type', 'endless');
await page.click('button[form=choose]');
await page.setInputFiles('#files', { name: 'victim.bin', mimeType: '', buffer: Buffer.from('x') });
await page.click('#send');
is(await page.locator('meta[http-equiv=refresh]').count(), 1, 'while something runs the page is loaded again');
const uuid = (await row(page, 'victim').getAttribute('id')).replace('job-', '');
is((await job(uuid)).job_type, 'endless', 'the type that was chosen');
await ended(uuid, 'processing');

await page.goto(`${page.url().split('?')[0]}?status=processing`);
await row(page, 'victim').locator('button.cancel').click();
is((await job(uuid)).status, 'cancelled', 'cancel works');
is(new URL(page.url()).search, '?status=processing', 'and leads back to the view it was on');
await page.click('#tab-cancelled');
await until(async () => (await job(uuid)).actions.includes('retry'));
await row(page, 'victim').locator('button.retry').click();
ok(await until(async () => (await job(uuid)).retry_count === 1), 'retry works');

await page.goto(new URL(`/jobs/${uuid}`, page.url()).href);
is(await page.locator('h1').innerText(), 'victim.bin', 'the page of a job');
await page.click('button.cancel');
is(new URL(page.url()).pathname, `/jobs/${uuid}`, 'an action there leads back to it');
is(await page.locator('#job > header .status').innerText(), 'Cancelled', 'with the new state');
await page.click('button.delete');
is(new URL(page.url()).pathname, '/', 'delete leads to the list');
is(await job(uuid), null, 'and deletes');

await upload('needle in the hay.txt', 'x\n');
await page.fill('#q', 'needle');
await page.click('#find button');
is(await page.locator('#jobs tbody tr').count(), 1, 'search works');
await page.goto(new URL('/jobs/99999', page.url()).href);
is(await page.locator('.error-page .code').innerText(), '404', 'what is not there has a page that says so');

await end();
