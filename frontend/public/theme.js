// Before anything is painted: the theme that was chosen on this device, if one was.
try {
  const chosen = localStorage.getItem('groundwork.theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // Without storage the system's theme stays.
}
