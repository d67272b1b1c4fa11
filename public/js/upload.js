// Uploads with JavaScript on: files are dropped anywhere on the page, pasted, or chosen, and each goes
// by a PUT of its own, three at a time, with progress. Without JavaScript the same form posts them.
//
// Every file has one Idempotency-Key for all its attempts, so a retry after a broken connection never
// makes a second job.
'use strict';
(() => {
	const byId = (id) => document.getElementById(id);
	const form = byId('upload');
	if (!form)
		return;
	const AT_ONCE = 3;
	const limit = Number(form.dataset.limit) || Infinity;
	const too_large = `larger than ${form.dataset.limitText}, the most this server takes`;
	const items = []; // { file, type, key, state, sent, row, xhr }; state: waiting sending done failed refused
	const all = (...states) => items.filter((item) => states.includes(item.state));
	const busy = () => all('waiting', 'sending').length > 0;

	// ---- words ----------------------------------------------------------------------------------
	function size(bytes) {
		const units = ['B', 'kB', 'MB', 'GB', 'TB'];
		let i = 0;
		for (; bytes >= 999.5 && i < units.length - 1; i++)
			bytes /= 1000;
		return `${bytes.toFixed(i && bytes < 9.95 ? 1 : 0)}\u00a0${units[i]}`;
	}

	function span(seconds) {
		if (seconds < 60)
			return `${Math.max(1, Math.round(seconds))}\u00a0s`;
		return seconds < 5400 ? `${Math.round(seconds / 60)}\u00a0min` : `${Math.round(seconds / 3600)}\u00a0h`;
	}

	const count = (n) => (n === 1 ? '1 file' : `${n} files`);

	function key() {
		const bytes = crypto.getRandomValues(new Uint8Array(16));
		return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
	}

	// Why it was not taken: the server's own sentence where it sent one.
	function refusal(xhr) {
		try {
			const problem = JSON.parse(xhr.responseText);
			if (problem.detail)
				return problem.detail;
		} catch {
			// not JSON: an answer of something in between
		}
		switch (xhr.status) {
		case 0: return 'the connection broke';
		case 413: return too_large;
		case 429: return 'too many uploads at once; try again in a moment';
		case 507: return 'the server has no room left';
		default: return `the server answered ${xhr.status}`;
		}
	}

	// ---- one file -------------------------------------------------------------------------------
	function add(files) {
		for (const file of files) {
			const row = byId('queue-item').content.cloneNode(true).firstElementChild;
			const item = { file, type: byId('type').value, key: key(), state: 'waiting', sent: 0, row };
			row.querySelector('.name').textContent = file.name;
			row.querySelector('.name').title = file.name;
			row.querySelector('progress').setAttribute('aria-label', `Upload of ${file.name}`);
			for (const [button, label, act] of [['.again', 'Retry', again], ['.stop', 'Cancel', drop]]) {
				row.querySelector(button).setAttribute('aria-label', `${label} ${file.name}`);
				row.querySelector(button).addEventListener('click', () => act(item));
			}
			byId('queue').append(row);
			items.push(item);
			if (file.size === 0)
				turn(item, 'refused', 'it is empty');
			else if (file.size > limit)
				turn(item, 'refused', too_large);
			else
				turn(item, 'waiting', size(file.size));
		}
		next();
	}

	function turn(item, state, text) {
		item.state = state;
		if (state === 'waiting' || state === 'failed') // begins at the beginning again
			item.sent = 0;
		item.row.className = state;
		item.row.querySelector('progress').value = 100 * item.sent / (item.file.size || 1);
		item.row.querySelector('.say').textContent = text;
		item.row.querySelector('.say').title = text;
		item.row.querySelector('.again').hidden = state !== 'failed';
	}

	function again(item) {
		turn(item, 'waiting', size(item.file.size));
		next();
	}

	function drop(item) {
		item.xhr?.abort();
		items.splice(items.indexOf(item), 1);
		item.row.remove();
		next();
	}

	function send(item) {
		const xhr = new XMLHttpRequest();
		const name = new TextDecoder().decode(new TextEncoder().encode(item.file.name)); // no half characters
		const query = item.type ? `?type=${encodeURIComponent(item.type)}` : '';
		xhr.open('PUT', `/jobs/upload/${encodeURIComponent(name)}${query}`);
		xhr.setRequestHeader('Accept', 'application/json');
		xhr.setRequestHeader('Content-Type', 'application/octet-stream');
		xhr.setRequestHeader('Idempotency-Key', item.key);
		xhr.upload.onprogress = (event) => {
			item.sent = event.loaded;
			turn(item, 'sending', event.loaded < item.file.size ? size(item.file.size) : 'being stored');
		};
		xhr.onloadend = () => {
			if (!items.includes(item))
				return; // cancelled
			if (xhr.status === 200 || xhr.status === 201)
				done(item);
			else
				turn(item, 'failed', refusal(xhr));
			next();
		};
		item.xhr = xhr;
		turn(item, 'sending', size(item.file.size));
		xhr.send(item.file);
	}

	let news;
	function done(item) {
		item.sent = item.file.size;
		turn(item, 'done', 'uploaded');
		setTimeout(() => item.row.remove(), 1500);
		clearTimeout(news);
		news = setTimeout(() => htmx.trigger('#jobs', 'refresh'), 50);
	}

	// ---- all of them ----------------------------------------------------------------------------
	// Starts what may start, and says where the whole stands.
	function next() {
		for (const item of all('waiting').slice(0, Math.max(0, AT_ONCE - all('sending').length)))
			send(item);
		summary();
	}

	let timer = 0, hide = 0, speed = 0, before = null;

	function measure(sent) {
		const now = performance.now();
		if (before && now - before.at < 400)
			return;
		if (before) {
			const rate = Math.max(0, (sent - before.sent) * 1000 / (now - before.at));
			speed = speed ? 0.7 * speed + 0.3 * rate : rate;
		}
		before = { at: now, sent };
	}

	function summary() {
		const ours = all('waiting', 'sending', 'done');
		const done = all('done').length;
		const failed = all('failed', 'refused').length;
		const total = ours.reduce((sum, item) => sum + item.file.size, 0);
		const sent = ours.reduce((sum, item) => sum + Math.min(item.sent, item.file.size), 0);
		let text = [done && `${count(done)} uploaded`, failed && `${count(failed)} not taken`]
			.filter(Boolean).join(', ');

		clearTimeout(hide);
		if (busy()) {
			timer ||= setInterval(summary, 500);
			measure(sent);
			text = `${done} of ${count(ours.length)}, ${size(sent)} of ${size(total)}`;
			if (speed > 0 && sent < total)
				text += `, ${size(speed)}/s, about ${span((total - sent) / speed)} left`;
		} else {
			clearInterval(timer);
			timer = speed = 0;
			before = null;
			byId('said').textContent = text;
			if (items.length && !failed)
				hide = setTimeout(clear, 2500);
		}
		byId('sent').textContent = text;
		byId('sent-bar').value = total ? 100 * sent / total : 0;
		byId('sending').hidden = items.length === 0;
		byId('again-all').hidden = all('failed').length < 2;
		byId('stop-all').textContent = busy() ? 'Cancel all' : 'Close';
	}

	function clear() {
		for (const item of items.splice(0)) {
			item.xhr?.abort();
			item.row.remove();
		}
		summary();
	}

	byId('stop-all').addEventListener('click', clear);
	byId('again-all').addEventListener('click', () => all('failed').forEach(again));
	addEventListener('beforeunload', (event) => busy() && event.preventDefault());

	// ---- where files come from ------------------------------------------------------------------
	function chosen(event) {
		event.preventDefault();
		const files = byId('files');
		add([...files.files]);
		files.value = '';
	}
	byId('files').addEventListener('change', chosen);
	form.addEventListener('submit', chosen);
	addEventListener('paste', (event) => {
		if (event.target.closest?.('input, textarea'))
			return; // copied cells carry a picture of themselves besides their text
		if (event.clipboardData?.files.length) {
			event.preventDefault();
			add([...event.clipboardData.files]);
		}
	});

	// A folder gives all the files in it.
	async function walk(entry, found) {
		if (entry.isFile) {
			found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
			return;
		}
		const reader = entry.createReader();
		for (;;) {
			const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
			if (!some.length)
				return;
			for (const inner of some)
				await walk(inner, found);
		}
	}

	async function dropped(transfer) {
		const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
		const files = [...transfer.files];
		if (!entries.some((entry) => entry.isDirectory))
			return files;
		const found = [];
		for (const entry of entries)
			await walk(entry, found);
		return found;
	}

	const carries = (event) => event.dataTransfer?.types.includes('Files');
	addEventListener('dragover', (event) => {
		if (!carries(event))
			return;
		event.preventDefault();
		event.dataTransfer.dropEffect = 'copy';
		form.classList.add('over');
	});
	addEventListener('dragleave', (event) => event.relatedTarget || form.classList.remove('over'));
	addEventListener('drop', async (event) => {
		form.classList.remove('over');
		if (!carries(event))
			return;
		event.preventDefault();
		add(await dropped(event.dataTransfer));
	});
})();
