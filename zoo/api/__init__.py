"""The functions of `import zoo`: what people type in Python, made of the packages below."""
