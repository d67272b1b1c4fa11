// Runs before the first paint, so that nothing flashes: says that there is JavaScript, and puts the
// remembered colours on <html>. Without a choice the system's are taken (see app.css).
'use strict';
document.documentElement.classList.add('js');
try {
	const theme = localStorage.getItem('theme');
	if (theme === 'light' || theme === 'dark')
		document.documentElement.dataset.theme = theme;
} catch {
	// No storage: the system's colours.
}
