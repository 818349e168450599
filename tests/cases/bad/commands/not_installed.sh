mkdir without
echo 'raise ImportError' > without/ray.py
vramledger sweep gpt2 --over batch.size=1:3 --select gradients.bytes -o rows.parquet
PYTHONPATH=without:$PYTHONPATH vramledger batch rows.parquet --set model=gpt2 --on ray -o answers/
