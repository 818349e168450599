mkdir without
echo 'raise ImportError(name="fastapi")' > without/fastapi.py
PYTHONPATH=without:$PYTHONPATH vramledger serve
