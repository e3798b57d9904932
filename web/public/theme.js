/* The chosen theme, set before the first paint. Without a choice the system's is taken. */
document.documentElement.dataset.theme = localStorage.getItem("tidemark-theme") ?? "system";
