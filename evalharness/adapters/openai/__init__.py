"""Any OpenAI-compatible endpoint: OpenAI, Azure, vLLM, SGLang, Ollama, LM Studio, OpenRouter..."""

from evalharness.adapters.openai.adapter import OpenAIAdapter
from evalharness.adapters.openai.options import OpenAIOptions

__all__ = ["OpenAIAdapter", "OpenAIOptions"]
