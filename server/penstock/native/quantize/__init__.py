# SPDX-License-Identifier: Apache-2.0
"""Smaller numbers for a compiled model's dense layers, and the gate that holds them to a metric.

data       rows and labels of a file, as the model's inputs
metrics    how good answers are
layers     the dense layers of a model, and what they read and write on calibration rows
ranges     which range of an input the 256 steps of a static scale are spread over
weights    a layer's weights in each form
forms      a model with some of its layers in other forms
gate       tries the forms and keeps the fastest that passes
latency    what a row costs in the native executor
evidence   what was tried and chosen, as the JSON that the artifact carries
picture    the same as an SVG
"""
