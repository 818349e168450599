"""The service: bodies say what may be asked, answers give it, workers do it in time, app speaks HTTP."""
