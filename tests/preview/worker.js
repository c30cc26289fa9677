// In place of the service worker: keeps nothing, so that the preview always shows the files as they are.
