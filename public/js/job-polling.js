// JobPoller: submit a form without leaving the page, follow its job, show what came out.
//
//   const job = await JobPoller.submitFormAsync(form);            // { job_id, status_url, message }, or null
//   JobPoller.pollUntilComplete(job.job_id, job.status_url, { onProgress, onComplete, onError, onCancel }, 1000);
//   const modal = JobPoller.createLoadingModal('processing');     // show setProgress setMessage hide remove
//   JobPoller.showResultModal(data);                              // of onComplete: status, outputs, error_message
(() => {
	'use strict';

	const json = { Accept: 'application/json', 'X-Requested-With': 'XMLHttpRequest' };
	const ended = { completed: 'onComplete', failed: 'onError', cancelled: 'onCancel', removed: 'onCancel' };

	function element(name, text, attributes = {}) {
		const made = Object.assign(document.createElement(name), attributes);
		if (text) made.textContent = text;
		return made;
	}

	// What a form without JavaScript would be answered with, in one shape whichever address took it.
	function firstJob(data) {
		if (data.job_id !== undefined) return data;
		const job = data.job ?? data.jobs?.[0];
		return job ? { job_id: job.id, status_url: `/api/jobs/${job.id}/status/`, message: `Job ${job.id} created` } : null;
	}

	async function submitFormAsync(form, submitter) {
		const button = submitter ?? (form.contains(document.activeElement) ? document.activeElement : null);
		const action = button?.hasAttribute?.('formaction') ? button.formAction : form.action;
		JobPoller.error = null;
		try {
			const response = await fetch(action, { method: 'POST', body: new FormData(form), headers: json, credentials: 'same-origin' });
			const data = await response.json();
			if (response.ok) return firstJob(data);
			JobPoller.error = data.detail ?? response.statusText;
		} catch (error) {
			JobPoller.error = error.message;
		}
		return null;
	}

	// A poll that fails is tried again, with longer pauses: a restart of the server is not the job's end.
	async function pollUntilComplete(jobId, statusUrl, callbacks = {}, interval = 1000) {
		for (let failures = 0; ;) {
			let data = null;
			try {
				const response = await fetch(statusUrl ?? `/api/jobs/${jobId}/status/`, { headers: json, credentials: 'same-origin' });
				if (response.ok) data = await response.json();
				else if (response.status < 500 && response.status !== 429) {
					callbacks.onError?.((await response.json().catch(() => ({}))).detail ?? response.statusText);
					return null;
				}
			} catch { /* the next round says */ }
			failures = data ? 0 : failures + 1;
			const end = data && ended[data.status];
			if (end) {
				callbacks[end]?.(end === 'onError' ? data.error_message ?? 'failed' : data);
				return data;
			}
			if (data) callbacks.onProgress?.(data);
			await new Promise((resolve) => setTimeout(resolve, Math.min(interval * 2 ** failures, 30000)));
		}
	}

	function dialog(title) {
		const box = element('dialog', '', { className: 'job-modal' });
		const article = element('article');
		const heading = element('h2', title, { id: `job-modal-${Math.random().toString(36).slice(2)}` });
		box.setAttribute('aria-labelledby', heading.id);
		article.append(heading);
		box.append(article);
		document.body.append(box);
		return { box, article };
	}

	function createLoadingModal(title = 'processing') {
		const { box, article } = dialog(title.charAt(0).toUpperCase() + title.slice(1));
		const bar = element('progress', '', { max: 100 });
		const message = element('p');
		bar.setAttribute('aria-label', 'Progress');
		message.setAttribute('role', 'status');
		article.append(bar, message);
		return {
			show: () => { if (!box.open) box.showModal(); },
			setProgress: (percent) => { bar.value = percent; },
			setMessage: (text) => { message.textContent = text ?? ''; },
			hide: () => box.close(),
			remove: () => box.remove(),
		};
	}

	function showResultModal(data) {
		const titles = { completed: 'Completed', failed: 'Failed', cancelled: 'Cancelled' };
		const { box, article } = dialog(titles[data.status] ?? data.status);
		if (data.result) article.append(element('p', data.result));
		if (data.error_message) article.append(element('p', data.error_message, { className: 'wrong' }));
		const list = element('ul');
		for (const output of data.outputs ?? []) {
			const item = element('li');
			item.append(element('a', output.filename, { href: output.download_url, download: output.filename }));
			list.append(item);
		}
		if (list.children.length) article.append(list);
		const close = element('button', 'Close', { type: 'button' });
		close.addEventListener('click', () => box.close());
		box.addEventListener('click', (event) => { if (event.target === box) box.close(); });
		box.addEventListener('close', () => box.remove());
		article.append(close);
		box.showModal();
	}

	const JobPoller = { error: null, submitFormAsync, pollUntilComplete, createLoadingModal, showResultModal };
	globalThis.JobPoller = JobPoller;
})();
