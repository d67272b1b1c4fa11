// JobPoller in a page of the site, as the owner's 002 uses it: a form is sent, a modal shows how far its job
// is, another shows what came out, whatever names and messages say.
import { axe, end, is, ok, open, shots, until } from './lib.mjs';

const page = await open('/', {}, [/status of 422/]);
await page.addScriptTag({ url: '/js/job-polling.js' });

// Of a form of the page's own making; what was seen of the modal, and what the callbacks were told.
const run = (type, name, content = 'x') => page.evaluate(async ([type, name, content]) => {
	const form = Object.assign(document.createElement('form'), { method: 'post', action: '/jobs' });
	const file = Object.assign(document.createElement('input'), { type: 'file', name: 'file' });
	const data = new DataTransfer();
	data.items.add(new File([content], name));
	file.files = data.files;
	form.append(file, Object.assign(document.createElement('input'), { type: 'hidden', name: 'type', value: type }));
	document.body.append(form);
	const modal = JobPoller.createLoadingModal('processing');
	modal.show();
	const job = await JobPoller.submitFormAsync(form);
	form.remove();
	window.seen = [];
	window.told = null;
	if (!job) {
		modal.remove();
		return null;
	}
	JobPoller.pollUntilComplete(job.job_id, job.status_url, {
		onProgress: (p) => { window.seen.push(p.progress); modal.setProgress(p.progress); modal.setMessage(p.current_step); },
		onComplete: (d) => { modal.remove(); window.told = d; JobPoller.showResultModal(d); },
		onError: (e) => { modal.remove(); window.told = e; JobPoller.showResultModal({ status: 'failed', error_message: e, outputs: [] }); },
	}, 200);
	return job;
}, [type, name, content]);
const modal = page.locator('dialog.job-modal[open]');

// ---- a job that takes its time ----------------------------------------------------------------------
const job = await run('slow', 'poller.bin');
is(job.status_url, `/api/jobs/${job.job_id}/status/`, 'the answer has the words of 002');
ok(await until(async () => await modal.locator('progress').getAttribute('value') > 0), 'the modal shows progress');
is(await modal.getByRole('heading').innerText(), 'Processing', 'under its title');
ok(/^step at/.test(await modal.getByRole('status').innerText()), 'and the step');
await axe(page, 'the modal of a job under way');
await page.screenshot({ path: `${shots}/poller-loading.png` });
ok(await until(() => page.evaluate(() => window.told)), 'the end is told');
ok(await page.evaluate(() => window.seen.length > 2 && window.seen.every((p, i, all) => !i || p >= all[i - 1])), 'progress only grows');
is(await modal.getByRole('heading').innerText(), 'Completed', 'the result takes its place');
is(await page.locator('dialog.job-modal').count(), 1, 'alone');
ok(await modal.getByText('as slow as it was asked to be').isVisible(), 'with what the job says of it');
await axe(page, 'the modal of a result');
await page.screenshot({ path: `${shots}/poller-result.png` });
await page.keyboard.press('Escape');
ok(await until(async () => await page.locator('dialog.job-modal').count() === 0), 'Escape closes it, and it is gone');

// ---- results to download ----------------------------------------------------------------------------
await run('brief', 'outputs.bin');
await until(() => page.evaluate(() => window.told));
is((await modal.getByRole('link').allInnerTexts()).join(), 'a.txt,b.txt', 'results are links');
const [download] = await Promise.all([page.waitForEvent('download'), modal.getByRole('link').first().click()]);
is(download.suggestedFilename(), 'a.txt', 'that download');
await modal.getByRole('button', { name: 'Close' }).click();
ok(await until(async () => await page.locator('dialog.job-modal').count() === 0), 'the button closes it');

// ---- what goes wrong --------------------------------------------------------------------------------
await run('broken', 'broken.bin');
await until(() => page.evaluate(() => window.told));
is(await modal.getByRole('heading').innerText(), 'Failed', 'a failure says so');
ok(/no licence left/.test(await modal.locator('.wrong').innerText()), 'and why');
await page.keyboard.press('Escape');
is(await run('slow', 'empty.bin', ''), null, 'what is refused makes no job');
ok(/empty/.test(await page.evaluate(() => JobPoller.error)), 'and says why');
await page.evaluate(() => JobPoller.showResultModal({ status: 'failed', error_message: '<img src=x onerror="window.hacked=1">',
	outputs: [{ filename: '<b>bold</b>', download_url: '/jobs' }] }));
ok(await modal.getByText('<img src=x').isVisible() && await modal.getByText('<b>bold</b>').isVisible()
	&& !await page.evaluate(() => window.hacked), 'nothing said is markup');

await end();
