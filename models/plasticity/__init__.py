"""Plasticity of synapses."""
