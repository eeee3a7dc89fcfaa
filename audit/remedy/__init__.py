"""What changes data: conversion, repair, balancing, splitting. Reads findings by their code; imports no rule."""
